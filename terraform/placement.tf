# Groups whose servers stand on different hosts; Hetzner puts ten into one at most.

resource "hcloud_placement_group" "spread" {
  for_each = { for group, pools in { for node in values(local.nodes) : node.group => node.pool... } : group => pools[0] }

  name   = "${var.cluster_name}-${each.key}"
  type   = "spread"
  labels = merge(local.labels, { "kvx/pool" = each.value })
}
