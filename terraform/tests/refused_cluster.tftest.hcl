# A cluster that cannot be is refused before anything is asked of Hetzner.

mock_provider "hcloud" {
  source = "./tests/stand_ins"
}

variables {
  ssh_public_keys   = { me = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtFJnPHqwY0yBCwYrLKqSp3RvM0rV8rD1rJxBwVwq1u me@here" }
  allowed_addresses = ["203.0.113.7/32"]
}

run "what_can_be" {
  command = plan
}

run "a_cluster_with_capitals" {
  command = plan

  variables {
    cluster_name = "Kvx"
  }

  expect_failures = [var.cluster_name]
}

run "a_cluster_that_ends_with_a_hyphen" {
  command = plan

  variables {
    cluster_name = "kvx-"
  }

  expect_failures = [var.cluster_name]
}

run "an_image_with_spaces" {
  command = plan

  variables {
    image = "debian 12"
  }

  expect_failures = [var.image]
}

run "a_zone_that_is_none" {
  command = plan

  variables {
    network_zone = "europe"
  }

  expect_failures = [var.network_zone]
}

run "a_public_network" {
  command = plan

  variables {
    network_range = "8.8.0.0/16"
  }

  expect_failures = [var.network_range]
}

run "a_network_that_is_no_start" {
  command = plan

  variables {
    network_range = "10.0.1.0/16"
  }

  expect_failures = [var.network_range]
}

run "a_subnet_outside" {
  command = plan

  variables {
    subnet_range = "10.1.0.0/20"
  }

  expect_failures = [var.subnet_range]
}

run "a_subnet_larger_than_its_network" {
  command = plan

  variables {
    subnet_range = "10.0.0.0/12"
  }

  expect_failures = [var.subnet_range]
}

run "a_subnet_that_is_no_start" {
  command = plan

  variables {
    subnet_range = "10.0.0.1/20"
  }

  expect_failures = [var.subnet_range]
}

run "a_subnet_that_is_no_range" {
  command = plan

  variables {
    subnet_range = "10.0.0.0"
  }

  expect_failures = [var.subnet_range]
}

run "a_subnet_too_small_for_all" {
  command = plan

  variables {
    subnet_range = "10.0.0.0/30"
  }

  expect_failures = [var.subnet_range]
}

run "a_load_balancer_of_no_type" {
  command = plan

  variables {
    load_balancer = { type = "cax11", location = "nbg1" }
  }

  expect_failures = [var.load_balancer]
}

run "a_poll_interval_without_unit" {
  command = plan

  variables {
    poll_interval = "500"
  }

  expect_failures = [var.poll_interval]
}

run "no_kubeconfig" {
  command = plan

  variables {
    kubeconfig_path = ""
  }

  expect_failures = [var.kubeconfig_path]
}

run "a_context_with_spaces" {
  command = plan

  variables {
    kube_context = "my cluster"
  }

  expect_failures = [var.kube_context]
}

run "a_cpu_quota_in_words" {
  command = plan

  variables {
    cpu_quota = "two"
  }

  expect_failures = [var.cpu_quota]
}

run "a_memory_quota_without_number" {
  command = plan

  variables {
    memory_quota = "Gi"
  }

  expect_failures = [var.memory_quota]
}

run "a_name_too_long_for_a_host" {
  command = plan

  variables {
    cluster_name = "a-cluster-called-with-many-letters-0123456"
    pools        = { a-pool-of-many = { type = "cax21", count = 1, location = "nbg1" } }
  }

  expect_failures = [hcloud_server.node["a-pool-of-many-1"]]
}
