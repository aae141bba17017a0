# One volume for each node of a pool that wants them; it is lost with its node.

resource "hcloud_volume" "node" {
  for_each = { for key, node in local.nodes : key => node if node.volume_gb > 0 }

  name     = each.value.name
  size     = each.value.volume_gb
  location = hcloud_server.node[each.key].location # only where its server was to be had
  format   = "ext4"
  labels   = local.node_labels[each.key]
}

resource "hcloud_volume_attachment" "node" {
  for_each = hcloud_volume.node

  volume_id = each.value.id
  server_id = hcloud_server.node[each.key].id
  automount = false
}
