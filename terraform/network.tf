# The private network, and the way out of it where nodes have no public address.

resource "hcloud_network" "cluster" {
  name     = var.cluster_name
  ip_range = var.network_range
  labels   = local.labels
}

resource "hcloud_network_subnet" "nodes" {
  network_id   = hcloud_network.cluster.id
  type         = "cloud"
  network_zone = var.network_zone
  ip_range     = var.subnet_range
}

resource "hcloud_network_route" "gateway" {
  count = var.private_only ? 1 : 0

  network_id  = hcloud_network.cluster.id
  destination = "0.0.0.0/0"
  gateway     = local.gateway_address
  depends_on  = [hcloud_network_subnet.nodes]
}

locals {
  # Hetzner gives addresses from the low end: the last one is free.
  gateway_address = cidrhost(var.subnet_range, -2)
  # Hetzner's own router, to which nodes send what leaves the network.
  network_router = cidrhost(var.network_range, 1)
}
