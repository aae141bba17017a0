# Which nodes a wish makes, and that their keys stay when other pools go.

mock_provider "hcloud" {
  source = "./tests/stand_ins"
}

variables {
  ssh_public_keys   = { me = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtFJnPHqwY0yBCwYrLKqSp3RvM0rV8rD1rJxBwVwq1u me@here" }
  allowed_addresses = ["203.0.113.7/32"]
  hume_api_key      = "of-sixteen-or-more" # Terraform 1.11 tests cannot leave an ephemeral variable out
  pools = {
    alpha = { type = "cax21", count = 2, location = "nbg1" }
    bravo = { type = "cax21", count = 2, location = "nbg1", volume_gb = 50 }
    delta = { type = "cax31", count = 1, location = "hel1" }
  }
}

run "three_pools" {
  assert {
    condition     = join(" ", keys(hcloud_server.node)) == "alpha-1 alpha-2 bravo-1 bravo-2 control-plane-1 delta-1"
    error_message = "The nodes are not POOL-N."
  }
  assert {
    condition     = hcloud_server.node["alpha-2"].name == "kvx-alpha-2" && hcloud_server.node["delta-1"].location == "hel1"
    error_message = "Names or places of the nodes are wrong."
  }
}

run "without_the_middle_one" {
  variables {
    pools = {
      alpha = { type = "cax21", count = 2, location = "nbg1" }
      delta = { type = "cax31", count = 1, location = "hel1" }
    }
  }

  assert {
    condition     = join(" ", keys(hcloud_server.node)) == "alpha-1 alpha-2 control-plane-1 delta-1"
    error_message = "Other pools' nodes changed."
  }
  assert {
    condition     = alltrue([for key, node in output.provision.nodes : node.private_ip != null && node.private_ip == run.three_pools.provision.nodes[key].private_ip])
    error_message = "A node of another pool was made anew." # the stand-in makes up an address for each new one
  }
  assert {
    condition     = length(hcloud_volume.node) == 0 && length(hcloud_primary_ip.node) == 4
    error_message = "Something of the pool is left."
  }
}

run "groups_hold_ten" {
  command = plan

  variables {
    pools = { many = { type = "cax11", count = 21, location = "nbg1" } }
  }

  assert {
    condition     = join(" ", keys(hcloud_placement_group.spread)) == "control-plane-1 many-1 many-2 many-3"
    error_message = "21 nodes make groups of ten, ten and one."
  }
  assert {
    condition     = local.nodes["many-10"].group == "many-1" && local.nodes["many-11"].group == "many-2" && local.nodes["many-21"].group == "many-3"
    error_message = "The eleventh node begins the second group."
  }
}

run "three_control_planes" {
  command = plan

  variables {
    control_plane = { type = "cax11", count = 3, location = "nbg1" }
    pools         = {}
  }

  assert {
    condition     = join(" ", keys(hcloud_server.node)) == "control-plane-1 control-plane-2 control-plane-3"
    error_message = "A cluster may be its control planes alone."
  }
}

run "placements_win" {
  command = plan

  variables {
    placements = {
      "alpha-2"   = { type = "cpx22", location = "fsn1" }
      "nothing-7" = { type = "cax11", location = "fsn1" }
    }
  }

  assert {
    condition     = hcloud_server.node["alpha-2"].server_type == "cpx22" && hcloud_server.node["alpha-2"].location == "fsn1" && hcloud_primary_ip.node["alpha-2"].location == "fsn1"
    error_message = "The pre-flight's decision does not win over the pool."
  }
  assert {
    condition     = hcloud_server.node["alpha-1"].server_type == "cax21" && hcloud_server.node["alpha-1"].location == "nbg1"
    error_message = "The decision for one node changed another."
  }
  assert {
    condition     = join(" ", sort(values(local.architectures))) == "arm arm arm arm arm x86"
    error_message = "The architecture does not follow the type."
  }
}
