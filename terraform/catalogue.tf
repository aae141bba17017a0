# What Hetzner has, asked in a few calls that also succeed when a type or an image is no longer sold.

data "hcloud_server_types" "sold" {}

data "hcloud_locations" "open" {}

data "hcloud_images" "bootable" {
  for_each = toset(values(local.architectures))

  with_architecture  = [each.key]
  include_deprecated = true
}

locals {
  sold  = { for type in data.hcloud_server_types.sold.server_types : type.name => type }
  zones = { for location in data.hcloud_locations.open.locations : location.name => location.network_zone }

  # A type that is sold no longer may still run here, and must still be read.
  architectures = {
    for key, node in local.nodes : key => try(local.sold[node.type].architecture, startswith(node.type, "cax") ? "arm" : "x86")
  }

  # Kubernetes and container images have other words for the same.
  platforms = { arm = "arm64", x86 = "amd64" }

  # An empty list says nothing, and is no reason to warn.
  not_sold = [
    for node in local.nodes : "${node.type}@${node.location}"
    if length(local.sold) > 0 && !contains(try(local.sold[node.type].locations[*].name, []), node.location)
  ]
  not_bootable = [
    for architecture, found in data.hcloud_images.bootable : architecture
    if length(found.images) > 0 && !contains(flatten([for image in found.images : [coalesce(image.name, image.id), tostring(image.id)]]), var.image)
  ]
}

# Warnings, because nodes that live go on without either; kvx's pre-flight refuses what it would have to make.
check "catalogue" {
  assert {
    condition     = length(local.not_sold) == 0
    error_message = "Hetzner does not sell ${join(", ", distinct(local.not_sold))}: no new node of that kind can be made there."
  }

  assert {
    condition     = length(local.not_bootable) == 0
    error_message = "Hetzner has no image ${var.image} for ${join(" and ", local.not_bootable)}: no new node can be made with it."
  }
}
