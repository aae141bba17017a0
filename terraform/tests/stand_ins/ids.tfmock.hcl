# Ids that other resources take as numbers; everything else is made up.

mock_resource "hcloud_network" {
  defaults = { id = "1" }
}

mock_resource "hcloud_placement_group" {
  defaults = { id = "2" }
}

mock_resource "hcloud_server" {
  defaults = { id = "3" }
}

mock_resource "hcloud_volume" {
  defaults = { id = "4" }
}

mock_resource "hcloud_load_balancer" {
  defaults = { id = "5" }
}
