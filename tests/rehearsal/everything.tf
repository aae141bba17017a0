terraform {
  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "1.68.0"
    }
  }
}
provider "hcloud" { poll_interval = "10ms" }
resource "hcloud_network" "n" {
  name     = "demo"
  ip_range = "10.0.0.0/16"
  labels   = { "kvx/cluster" = "demo" }
}
resource "hcloud_network_subnet" "s" {
  network_id   = hcloud_network.n.id
  type         = "cloud"
  network_zone = "eu-central"
  ip_range     = "10.0.0.0/20"
}
resource "hcloud_network_route" "r" {
  network_id  = hcloud_network.n.id
  destination = "0.0.0.0/0"
  gateway     = "10.0.0.2"
}
resource "hcloud_firewall" "f" {
  name = "demo"
  rule {
    direction  = "in"
    protocol   = "tcp"
    port       = "22"
    source_ips = ["203.0.113.7/32"]
  }
  rule {
    direction  = "in"
    protocol   = "icmp"
    source_ips = ["0.0.0.0/0", "::/0"]
  }
  apply_to { label_selector = "kvx/cluster=demo" }
}
resource "hcloud_ssh_key" "k" {
  name       = "demo"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6WCmcYJ2wJgWGSB9GMEJOZLIy8ml8qXDMTjjtBLIwV a@b"
}
resource "hcloud_placement_group" "p" {
  name = "demo-1"
  type = "spread"
}
resource "hcloud_primary_ip" "i" {
  for_each    = var.names
  name        = "demo-${each.key}-ipv4"
  type        = "ipv4"
  location    = "nbg1"
  auto_delete = false
}
resource "hcloud_server" "s" {
  for_each           = var.names
  name               = "demo-${each.key}"
  server_type        = var.type
  image              = "debian-12"
  location           = "nbg1"
  ssh_keys           = [hcloud_ssh_key.k.id]
  user_data          = "#cloud-config\n"
  placement_group_id = hcloud_placement_group.p.id
  labels             = { "kvx/cluster" = "demo", "kvx/node" = each.key }
  public_net {
    ipv4_enabled = true
    ipv4         = hcloud_primary_ip.i[each.key].id
    ipv6_enabled = true
  }
  network {
    subnet_id = hcloud_network_subnet.s.id
    alias_ips = []
  }
  shutdown_before_deletion = true
}
variable "type" { default = "cax11" }
resource "hcloud_server" "private" {
  name        = "demo-private"
  server_type = "cax11"
  image       = "debian-12"
  location    = "nbg1"
  public_net {
    ipv4_enabled = false
    ipv6_enabled = false
  }
  network {
    subnet_id = hcloud_network_subnet.s.id
    alias_ips = []
  }
}
resource "hcloud_volume" "v" {
  name     = "demo-a"
  size     = 50
  location = "nbg1"
  format   = "ext4"
}
resource "hcloud_volume_attachment" "v" {
  volume_id = hcloud_volume.v.id
  server_id = hcloud_server.s["a"].id
}
resource "hcloud_load_balancer" "l" {
  name               = "demo"
  load_balancer_type = "lb11"
  location           = "nbg1"
}
resource "hcloud_load_balancer_network" "l" {
  load_balancer_id = hcloud_load_balancer.l.id
  subnet_id        = hcloud_network_subnet.s.id
}
resource "hcloud_load_balancer_target" "t" {
  load_balancer_id = hcloud_load_balancer.l.id
  type             = "label_selector"
  label_selector   = "kvx/cluster=demo"
  use_private_ip   = true
  depends_on       = [hcloud_load_balancer_network.l]
}
resource "hcloud_load_balancer_service" "http" {
  load_balancer_id = hcloud_load_balancer.l.id
  protocol         = "http"
  http { timeout_idle = 300 }
}
resource "hcloud_load_balancer_service" "tls" {
  load_balancer_id = hcloud_load_balancer.l.id
  protocol         = "tcp"
  listen_port      = 443
  destination_port = 30443
  proxyprotocol    = true
  health_check {
    protocol = "tcp"
    port     = 30443
    interval = 10
    timeout  = 5
    retries  = 3
  }
}
data "hcloud_server_type" "t" { name = "cax21" }
output "available" { value = data.hcloud_server_type.t.locations }
variable "names" {
  type    = set(string)
  default = ["a", "b"]
}
