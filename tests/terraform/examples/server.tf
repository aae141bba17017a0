# One server that lacks one label, one outside any group, one that is in no subnet, and one that is right.

resource "hcloud_server" "bad_labels" {
  name               = "kvx-workers-1"
  server_type        = "cax11"
  labels             = { "kvx/cluster" = "kvx", "kvx/pool" = "workers" }
  placement_group_id = 1

  network {
    subnet_id = "1-10.0.0.0/20"
  }
}

resource "hcloud_server" "bad_spread" {
  name        = "kvx-workers-1"
  server_type = "cax11"
  labels      = { "kvx/cluster" = "kvx", "kvx/pool" = "workers", "kvx/node" = "workers-1" }

  network {
    subnet_id = "1-10.0.0.0/20"
  }
}

resource "hcloud_server" "bad_network" {
  name               = "kvx-workers-1"
  server_type        = "cax11"
  labels             = { "kvx/cluster" = "kvx", "kvx/pool" = "workers", "kvx/node" = "workers-1" }
  placement_group_id = 1

  network {
    network_id = 1
  }
}

resource "hcloud_server" "good" {
  name               = "kvx-workers-1"
  server_type        = "cax11"
  labels             = { "kvx/cluster" = "kvx", "kvx/pool" = "workers", "kvx/node" = "workers-1" }
  placement_group_id = 1

  network {
    subnet_id = "1-10.0.0.0/20"
  }
}
