# The pools as single nodes, each under a key that does not move when another pool goes.

locals {
  labels = { "kvx/cluster" = var.cluster_name }

  pools = merge(
    { for name, pool in var.pools : name => merge(pool, { public = !var.private_only }) },
    { "control-plane" = merge(var.control_plane, { labels = tomap({}), taints = tolist([]), volume_gb = 0, public = !var.private_only }) },
    {
      for name in var.private_only ? ["gateway"] : [] : name => {
        type      = var.gateway.type
        count     = 1
        location  = coalesce(var.gateway.location, var.control_plane.location)
        fallbacks = tolist([])
        labels    = tomap({})
        taints    = tolist([])
        volume_gb = 0
        public    = true
      }
    },
  )

  nodes = merge([
    for name, pool in local.pools : {
      for number in range(1, pool.count + 1) : "${name}-${number}" => {
        name      = "${var.cluster_name}-${name}-${number}"
        pool      = name
        group     = "${name}-${ceil(number / 10)}"
        type      = try(var.placements["${name}-${number}"].type, pool.type)
        location  = try(var.placements["${name}-${number}"].location, pool.location)
        labels    = pool.labels
        taints    = pool.taints
        volume_gb = pool.volume_gb
        public    = pool.public
      }
    }
  ]...)

  node_labels = {
    for key, node in local.nodes : key => merge(local.labels, { "kvx/pool" = node.pool, "kvx/node" = key })
  }
}
