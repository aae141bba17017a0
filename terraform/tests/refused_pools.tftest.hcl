# Pools and places that cannot be are refused before anything is asked of Hetzner.

mock_provider "hcloud" {
  source = "./tests/stand_ins"
}

variables {
  ssh_public_keys   = { me = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtFJnPHqwY0yBCwYrLKqSp3RvM0rV8rD1rJxBwVwq1u me@here" }
  allowed_addresses = ["203.0.113.7/32"]
}

run "two_control_planes" {
  command = plan

  variables {
    control_plane = { type = "cax11", count = 2, location = "nbg1" }
  }

  expect_failures = [var.control_plane]
}

run "no_control_plane" {
  command = plan

  variables {
    control_plane = { type = "cax11", count = 0, location = "nbg1" }
  }

  expect_failures = [var.control_plane]
}

run "five_control_planes" {
  command = plan

  variables {
    control_plane = { type = "cax11", count = 5, location = "nbg1" }
  }

  expect_failures = [var.control_plane]
}

run "a_control_plane_of_no_type" {
  command = plan

  variables {
    control_plane = { type = "CAX 11", count = 1, location = "nbg1" }
  }

  expect_failures = [var.control_plane]
}

run "a_fallback_without_location" {
  command = plan

  variables {
    control_plane = { type = "cax11", count = 1, location = "nbg1", fallbacks = ["cax21"] }
  }

  expect_failures = [var.control_plane]
}

run "a_pool_called_control_plane" {
  command = plan

  variables {
    pools = { control-plane = { type = "cax21", count = 1, location = "nbg1" } }
  }

  expect_failures = [var.pools]
}

run "a_pool_called_gateway" {
  command = plan

  variables {
    pools = { gateway = { type = "cax21", count = 1, location = "nbg1" } }
  }

  expect_failures = [var.pools]
}

run "a_pool_with_underscores" {
  command = plan

  variables {
    pools = { big_words = { type = "cax21", count = 1, location = "nbg1" } }
  }

  expect_failures = [var.pools]
}

run "half_a_node" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1.5, location = "nbg1" } }
  }

  expect_failures = [var.pools]
}

run "less_than_no_node" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = -1, location = "nbg1" } }
  }

  expect_failures = [var.pools]
}

run "a_hundred_and_one_nodes" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 100, location = "nbg1" } }
  }

  expect_failures = [var.pools]
}

run "fifty_one_groups" {
  command = plan

  variables {
    pools = { for number in range(50) : "pool-${number}" => { type = "cax11", count = 1, location = "nbg1" } }
  }

  expect_failures = [var.pools]
}

run "a_pool_of_no_type" {
  command = plan

  variables {
    pools = { w = { type = "21", count = 1, location = "nbg1" } }
  }

  expect_failures = [var.pools]
}

run "a_pool_nowhere" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "" } }
  }

  expect_failures = [var.pools]
}

run "a_pool_fallback_without_type" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "nbg1", fallbacks = ["@nbg1"] } }
  }

  expect_failures = [var.pools]
}

run "a_label_with_spaces" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "nbg1", labels = { "my label" = "" } } }
  }

  expect_failures = [var.pools]
}

run "a_label_value_that_is_a_time" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "nbg1", labels = { made = "2026-11-21T08:00" } } }
  }

  expect_failures = [var.pools]
}

run "a_label_value_of_64_letters" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "nbg1", labels = { long = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv" } } }
  }

  expect_failures = [var.pools]
}

run "a_label_of_kubernetes" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "nbg1", labels = { "node-role.kubernetes.io/worker" = "" } } }
  }

  expect_failures = [var.pools]
}

run "a_taint_without_effect" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "nbg1", taints = ["speech=only"] } }
  }

  expect_failures = [var.pools]
}

run "a_taint_of_unknown_effect" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "nbg1", taints = ["speech=only:Never"] } }
  }

  expect_failures = [var.pools]
}

run "a_volume_of_9_gb" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "nbg1", volume_gb = 9 } }
  }

  expect_failures = [var.pools]
}

run "a_volume_of_10241_gb" {
  command = plan

  variables {
    pools = { w = { type = "cax21", count = 1, location = "nbg1", volume_gb = 10241 } }
  }

  expect_failures = [var.pools]
}

run "a_gateway_of_no_type" {
  command = plan

  variables {
    gateway = { type = "small" }
  }

  expect_failures = [var.gateway]
}

run "a_placement_for_no_node" {
  command = plan

  variables {
    placements = { workers = { type = "cax21", location = "nbg1" } }
  }

  expect_failures = [var.placements]
}

run "a_placement_of_no_type" {
  command = plan

  variables {
    placements = { workers-1 = { type = "cax21@nbg1", location = "nbg1" } }
  }

  expect_failures = [var.placements]
}
