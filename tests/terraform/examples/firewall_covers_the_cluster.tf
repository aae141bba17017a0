# Applied to nothing.

resource "hcloud_firewall" "bad_reach" {
  name   = "kvx"
  labels = { "kvx/cluster" = "kvx" }

  rule {
    direction  = "in"
    protocol   = "tcp"
    port       = "22"
    source_ips = ["203.0.113.7/32"]
  }
}
