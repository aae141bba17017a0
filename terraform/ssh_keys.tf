# Who may log in to a new node. Hetzner takes each key once in a project: one that is there already is used as it is.

data "hcloud_ssh_keys" "known" {}

locals {
  foreign_keys = {
    for key in data.hcloud_ssh_keys.known.ssh_keys : try(regex("^\\S+ \\S+", key.public_key), key.public_key) => tostring(key.id)
    if try(key.labels["kvx/cluster"], null) != var.cluster_name
  }
  wanted_keys = { for name, key in var.ssh_public_keys : name => regex("^\\S+ \\S+", key) }
}

resource "hcloud_ssh_key" "operator" {
  for_each = { for name, key in local.wanted_keys : name => var.ssh_public_keys[name] if !contains(keys(local.foreign_keys), key) }

  name       = "${var.cluster_name}-${each.key}"
  public_key = trimspace(each.value)
  labels     = local.labels
}
