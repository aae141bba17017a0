# The nodes. What they run is Ansible's: cloud-init only does what must be there before the first login.

locals {
  host_key_files = { for key, _ in local.nodes : key => "${pathexpand(var.host_keys_folder)}/${key}" }

  cloud_init = {
    for key, node in local.nodes : key => templatefile("${path.module}/cloud-init.yaml.tftpl", {
      node        = node.name
      private_key = sensitive(var.host_keys_folder != "" && fileexists(local.host_key_files[key]) ? trimspace(file(local.host_key_files[key])) : "")
      public_key  = trimspace(lookup(var.host_public_keys, key, ""))
      router      = node.public ? "" : local.network_router
      gateway_for = node.pool == "gateway" ? var.subnet_range : ""
    })
  }
}

resource "hcloud_server" "node" {
  for_each = local.nodes

  name                     = each.value.name
  server_type              = each.value.type
  location                 = each.value.location
  image                    = var.image
  labels                   = local.node_labels[each.key]
  placement_group_id       = hcloud_placement_group.spread[each.value.group].id
  keep_disk                = true # a larger type can then be left again
  shutdown_before_deletion = true

  ssh_keys = concat(
    [for name in sort(keys(hcloud_ssh_key.operator)) : hcloud_ssh_key.operator[name].id],
    sort([for key in local.wanted_keys : local.foreign_keys[key] if contains(keys(local.foreign_keys), key)]),
  )

  # The provider keeps a known user_data, and with it the private host key, in the saved plan. The time is
  # not known before the apply, so the plan holds nothing of it; the state only ever holds a digest.
  user_data = replace(local.cloud_init[each.key], "MADE_AT", timestamp())

  public_net {
    ipv4_enabled = each.value.public
    ipv4         = each.value.public ? hcloud_primary_ip.node[each.key].id : null
    ipv6_enabled = false
  }

  network {
    subnet_id = hcloud_network_subnet.nodes.id
    ip        = each.value.pool == "gateway" ? local.gateway_address : null
  }

  # The provider's own deadline is 90 minutes.
  timeouts {
    create = "15m"
  }

  # A server is never without a firewall, not even while it starts.
  depends_on = [hcloud_firewall.nodes]

  lifecycle {
    # The provider would take an imported server out of its network and delete its address, only to set what is set.
    ignore_changes       = [ssh_keys, user_data, image, public_net, network]
    replace_triggered_by = [terraform_data.kind[each.key], hcloud_network_subnet.nodes.id]

    precondition {
      condition     = length("${each.value.name}-ipv4") <= 63
      error_message = "The name ${each.value.name} is too long for a host and its address; shorten cluster_name or the name of the pool."
    }
    precondition {
      condition     = lookup(local.zones, each.value.location, var.network_zone) == var.network_zone
      error_message = "${each.key} is to stand in ${each.value.location}, which is not in ${var.network_zone}, where the network is. There are: ${join(", ", sort([for name, zone in local.zones : name if zone == var.network_zone]))}."
    }
    precondition {
      condition     = var.host_keys_folder == "" || fileexists(local.host_key_files[each.key])
      error_message = "The host key ${local.host_key_files[each.key]} is missing; make it: ssh-keygen -t ed25519 -N '' -f ${local.host_key_files[each.key]}"
    }
    precondition {
      condition     = nonsensitive(length(local.cloud_init[each.key])) < 32 * 1024 - 64
      error_message = "The cloud-init of ${each.key} is larger than the 32 KiB Hetzner takes; is its host key an ed25519 key?"
    }
  }
}

# Hetzner changes a type in place, but never from ARM64 to x86 or back; and an address is not taken from a node that lives.
resource "terraform_data" "kind" {
  for_each = local.nodes

  input = { architecture = local.architectures[each.key], public = each.value.public }
}

# The key a server was made with stays its key, also where another machine has other files.
resource "terraform_data" "host_key" {
  for_each = { for key, node in local.nodes : key => node if contains(keys(var.host_public_keys), key) }

  input            = try(regex("^\\S+ \\S+", var.host_public_keys[each.key]), "")
  triggers_replace = hcloud_server.node[each.key].id

  lifecycle {
    ignore_changes = [input]
  }
}
