# Who reaches the nodes from outside; everything that is not named here is closed. The private network is not filtered.

locals {
  everybody     = ["0.0.0.0/0", "::/0"]
  behind_a_load = var.load_balancer != null

  web_blocks = [
    for block in var.web_addresses : block
    if !local.behind_a_load && !var.private_only && (var.open_to_the_world || !contains(local.everybody, block))
  ]

  rules = concat(
    [{ protocol = "icmp", port = null, blocks = var.allowed_addresses, words = "ping" }],
    [{ protocol = "tcp", port = "22", blocks = var.allowed_addresses, words = "ssh" }],
    [for port in var.private_only ? [] : ["6443"] : { protocol = "tcp", port = port, blocks = var.allowed_addresses, words = "kubernetes api" }],
    [for port in length(local.web_blocks) > 0 ? ["80", "443"] : [] : { protocol = "tcp", port = port, blocks = local.web_blocks, words = "web" }],
  )
}

resource "hcloud_firewall" "nodes" {
  name   = var.cluster_name
  labels = local.labels

  dynamic "rule" {
    for_each = local.rules

    content {
      direction   = "in"
      protocol    = rule.value.protocol
      port        = rule.value.port
      source_ips  = rule.value.blocks
      description = rule.value.words
    }
  }

  # By label, so that servers the cluster makes for itself are covered. Hetzner refuses one for servers without public address.
  apply_to {
    label_selector = var.private_only ? "kvx/cluster=${var.cluster_name},kvx/pool=gateway" : "kvx/cluster=${var.cluster_name}"
  }
}
