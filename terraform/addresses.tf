# Public addresses that outlive their server.

resource "hcloud_primary_ip" "node" {
  for_each = { for key, node in local.nodes : key => node if node.public }

  name        = "${each.value.name}-ipv4"
  type        = "ipv4"
  location    = each.value.location
  auto_delete = false
  labels      = local.node_labels[each.key]
}
