# The firewall opens to whom it is told, and to nobody else.

mock_provider "hcloud" {
  source = "./tests/stand_ins"
}

variables {
  ssh_public_keys   = { me = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtFJnPHqwY0yBCwYrLKqSp3RvM0rV8rD1rJxBwVwq1u me@here" }
  allowed_addresses = ["203.0.113.7/32", "2001:db8::/64"]
}

run "closed_by_default" {
  command = plan

  assert {
    condition     = alltrue([for rule in hcloud_firewall.nodes.rule : rule.direction == "in" && setunion(rule.source_ips, ["203.0.113.7/32", "2001:db8::/64"]) == toset(["203.0.113.7/32", "2001:db8::/64"])])
    error_message = "A rule lets somebody in who was not named."
  }
  assert {
    condition     = toset([for rule in hcloud_firewall.nodes.rule : coalesce(rule.port, rule.protocol)]) == toset(["icmp", "22", "6443"])
    error_message = "Other ports than those of SSH and the Kubernetes API are open."
  }
  assert {
    condition     = one(hcloud_firewall.nodes.apply_to).label_selector == "kvx/cluster=kvx"
    error_message = "The firewall does not cover every server of the cluster."
  }
}

run "named_web_addresses_open_the_nodes" {
  command = plan

  variables {
    web_addresses = ["198.51.100.0/24", "0.0.0.0/0"]
  }

  assert {
    condition     = alltrue([for rule in hcloud_firewall.nodes.rule : rule.source_ips == toset(["198.51.100.0/24"]) if contains(["80", "443"], coalesce(rule.port, "none"))])
    error_message = "The web is open to others than those named."
  }
  assert {
    condition     = toset([for rule in hcloud_firewall.nodes.rule : coalesce(rule.port, rule.protocol)]) == toset(["icmp", "22", "6443", "80", "443"])
    error_message = "80 and 443 are to be open, and nothing else."
  }
}

run "a_load_balancer_keeps_the_nodes_closed" {
  command = plan

  variables {
    load_balancer     = { location = "nbg1" }
    open_to_the_world = true
  }

  assert {
    condition     = toset([for rule in hcloud_firewall.nodes.rule : coalesce(rule.port, rule.protocol)]) == toset(["icmp", "22", "6443"])
    error_message = "The load balancer comes by the private network; nothing has to be open for it."
  }
}

run "a_gateway_offers_no_web" {
  command = plan

  variables {
    private_only  = true
    web_addresses = ["198.51.100.0/24"]
  }

  assert {
    condition     = toset([for rule in hcloud_firewall.nodes.rule : coalesce(rule.port, rule.protocol)]) == toset(["icmp", "22"])
    error_message = "Nothing on the gateway answers there."
  }
}

run "the_world_only_when_asked" {
  command = plan

  variables {
    open_to_the_world = true
    allowed_addresses = ["0.0.0.0/0"]
  }

  assert {
    condition     = length([for rule in hcloud_firewall.nodes.rule : rule if contains(rule.source_ips, "0.0.0.0/0")]) == 5
    error_message = "Who asks for it gets it."
  }
}

run "everybody_is_refused" {
  command = plan

  variables {
    allowed_addresses = ["203.0.113.7/32", "0.0.0.0/0"]
  }

  expect_failures = [var.allowed_addresses]
}

run "everybody_by_ipv6_is_refused" {
  command = plan

  variables {
    allowed_addresses = ["::/0"]
  }

  expect_failures = [var.allowed_addresses]
}

run "everybody_in_two_halves_is_refused" {
  command = plan

  variables {
    allowed_addresses = ["0.0.0.0/1", "128.0.0.0/1"]
  }

  expect_failures = [var.allowed_addresses]
}

run "nobody_is_refused" {
  command = plan

  variables {
    allowed_addresses = []
  }

  expect_failures = [var.allowed_addresses]
}

run "an_address_inside_its_block_is_refused" {
  command = plan

  variables {
    allowed_addresses = ["203.0.113.7/24"]
  }

  expect_failures = [var.allowed_addresses]
}

run "an_address_without_its_block_is_refused" {
  command = plan

  variables {
    allowed_addresses = ["203.0.113.7"]
  }

  expect_failures = [var.allowed_addresses]
}

run "web_addresses_that_cannot_be_kept_are_refused" {
  command = plan

  variables {
    load_balancer = { location = "nbg1" }
    web_addresses = ["198.51.100.0/24"]
  }

  expect_failures = [var.web_addresses]
}
