# One rule alone, which is read in another way than several.

resource "hcloud_firewall" "bad_api" {
  name   = "kvx"
  labels = { "kvx/cluster" = "kvx" }

  rule {
    direction  = "in"
    protocol   = "tcp"
    port       = "6443"
    source_ips = ["0.0.0.0/0"]
  }
  apply_to {
    label_selector = "kvx/cluster=kvx"
  }
}
