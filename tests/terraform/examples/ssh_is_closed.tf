# A range that holds 22, and the world among its sources.

resource "hcloud_firewall" "bad_ssh" {
  name   = "kvx"
  labels = { "kvx/cluster" = "kvx" }

  rule {
    direction  = "in"
    protocol   = "tcp"
    port       = "80"
    source_ips = ["0.0.0.0/0", "::/0"]
  }
  rule {
    direction  = "in"
    protocol   = "tcp"
    port       = "1-1024"
    source_ips = ["203.0.113.7/32", "::/0"]
  }
  apply_to {
    label_selector = "kvx/cluster=kvx"
  }
}
