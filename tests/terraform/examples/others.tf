# A volume without label, an address that goes with its server, a service that hangs up, targets reached from outside.

provider "hcloud" {
  token = "0123456789012345678901234567890123456789012345678901234567890123"
}

resource "hcloud_volume" "bad_volume" {
  name = "kvx-workers-1"
  size = 10
}

resource "hcloud_primary_ip" "bad_address" {
  name        = "kvx-workers-1-ipv4"
  type        = "ipv4"
  auto_delete = true
  labels      = { "kvx/cluster" = "kvx" }
}

resource "hcloud_load_balancer_target" "bad_target" {
  type             = "label_selector"
  load_balancer_id = 1
  label_selector   = "kvx/cluster=kvx"
}

resource "hcloud_load_balancer_service" "bad_service" {
  load_balancer_id = 1
  protocol         = "http"

  http {
    timeout_idle = 60
  }
}

resource "hcloud_load_balancer_service" "good" {
  load_balancer_id = 1
  protocol         = "http"

  http {
    timeout_idle = 300
  }
}
