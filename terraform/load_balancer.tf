# One way in for the web, to all nodes over the private network; speech keeps its connections open for minutes.

resource "hcloud_load_balancer" "front" {
  count = local.behind_a_load ? 1 : 0

  name               = var.cluster_name
  load_balancer_type = var.load_balancer.type
  location           = var.load_balancer.location
  labels             = local.labels

  algorithm {
    type = "least_connections"
  }

  lifecycle {
    precondition {
      condition     = lookup(local.zones, var.load_balancer.location, var.network_zone) == var.network_zone
      error_message = "The load balancer is to stand in ${var.load_balancer.location}, which is not in ${var.network_zone}, where the network is."
    }
  }
}

resource "hcloud_load_balancer_network" "front" {
  count = local.behind_a_load ? 1 : 0

  load_balancer_id = hcloud_load_balancer.front[0].id
  subnet_id        = hcloud_network_subnet.nodes.id
}

resource "hcloud_load_balancer_target" "nodes" {
  count = local.behind_a_load ? 1 : 0

  load_balancer_id = hcloud_load_balancer.front[0].id
  type             = "label_selector"
  label_selector   = "kvx/cluster=${var.cluster_name},kvx/pool!=gateway"
  use_private_ip   = true

  # Private addresses are only reached while the load balancer is in the network.
  depends_on = [hcloud_load_balancer_network.front]
  lifecycle {
    replace_triggered_by = [hcloud_load_balancer_network.front[0].id]
  }
}

resource "hcloud_load_balancer_service" "http" {
  count = local.behind_a_load ? 1 : 0

  load_balancer_id = hcloud_load_balancer.front[0].id
  protocol         = "http"
  listen_port      = 80
  destination_port = 80

  http {
    timeout_idle = 300 # the most Hetzner allows; its own is 60
  }

  # Any answer of the ingress will do, also that there is nothing yet.
  health_check {
    protocol = "http"
    port     = 80
    interval = 5
    timeout  = 3
    retries  = 3
    http {
      path         = "/"
      status_codes = ["2??", "3??", "4??"]
    }
  }
}

# Passed through as it is: the cluster holds the certificates.
resource "hcloud_load_balancer_service" "https" {
  count = local.behind_a_load ? 1 : 0

  load_balancer_id = hcloud_load_balancer.front[0].id
  protocol         = "tcp"
  listen_port      = 443
  destination_port = 443

  health_check {
    protocol = "tcp"
    port     = 443
    interval = 5
    timeout  = 3
    retries  = 3
  }
}
