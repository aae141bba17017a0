# Nodes without public addresses: one gateway is their way out, and the way in.

mock_provider "hcloud" {
  source = "./tests/stand_ins"
}

variables {
  ssh_public_keys   = { me = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtFJnPHqwY0yBCwYrLKqSp3RvM0rV8rD1rJxBwVwq1u me@here" }
  allowed_addresses = ["203.0.113.7/32"]
  hume_api_key      = "of-sixteen-or-more"
  private_only      = true
  load_balancer     = { location = "nbg1" }
}

run "only_the_gateway_is_public" {
  assert {
    condition     = keys(hcloud_primary_ip.node) == ["gateway-1"] && hcloud_server.node["gateway-1"].server_type == "cax11"
    error_message = "There is to be one public address, that of a small gateway."
  }
  assert {
    condition     = alltrue([for key, server in hcloud_server.node : one(server.public_net).ipv4_enabled == (key == "gateway-1") && !one(server.public_net).ipv6_enabled])
    error_message = "A node has a public address."
  }
  assert {
    condition     = hcloud_network_route.gateway[0].destination == "0.0.0.0/0" && hcloud_network_route.gateway[0].gateway == one(hcloud_server.node["gateway-1"].network).ip
    error_message = "The way out does not lead through the gateway."
  }
  assert {
    condition     = one(hcloud_server.node["gateway-1"].network).ip == "10.0.15.254"
    error_message = "The gateway's address is the last of the subnet, which Hetzner gives to nobody else."
  }
}

run "the_firewall_stands_before_the_gateway" {
  command = plan

  assert {
    condition     = one(hcloud_firewall.nodes.apply_to).label_selector == "kvx/cluster=kvx,kvx/pool=gateway"
    error_message = "Hetzner refuses a firewall for servers without public address."
  }
  assert {
    condition     = toset([for rule in hcloud_firewall.nodes.rule : coalesce(rule.port, rule.protocol)]) == toset(["icmp", "22"])
    error_message = "The gateway offers more than a way in by SSH."
  }
  assert {
    condition     = hcloud_load_balancer_target.nodes[0].label_selector == "kvx/cluster=kvx,kvx/pool!=gateway"
    error_message = "The gateway would be asked for web pages."
  }
}

run "cloud_init" {
  assert {
    condition     = yamldecode(hcloud_server.node["workers-1"].user_data).runcmd == [["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", "kvx-default-route.timer"], ["systemctl", "start", "kvx-default-route.service"]]
    error_message = "A private node does not keep its way out."
  }
  assert {
    condition     = strcontains(yamldecode(hcloud_server.node["workers-1"].user_data).write_files[0].content, "ip route replace default via 10.0.0.1")
    error_message = "A private node does not know its way out."
  }
  assert {
    condition     = strcontains(yamldecode(hcloud_server.node["gateway-1"].user_data).write_files[1].content, "ip saddr 10.0.0.0/20 ip daddr != 10.0.0.0/20 masquerade")
    error_message = "The gateway does not lend its address."
  }
  assert {
    condition     = alltrue([for server in hcloud_server.node : startswith(server.user_data, "#cloud-config\n") && !strcontains(server.user_data, "MADE_AT")])
    error_message = "This is no cloud-init."
  }
}

run "inventory" {
  assert {
    condition     = yamldecode(output.inventory).all.children.k3s_agent.children == { pool_workers = {} } && keys(yamldecode(output.inventory).all.children.pool_gateway.hosts) == ["kvx-gateway-1"]
    error_message = "The gateway is no node of the cluster."
  }
  assert {
    condition     = alltrue([for host in values(yamldecode(output.inventory).all.children.pool_workers.hosts) : host.jump_host == hcloud_primary_ip.node["gateway-1"].ip_address && host.ansible_host != null && host.ansible_host == host.private_ip])
    error_message = "Ansible does not know the way in."
  }
  assert {
    condition     = output.provision.jump_host == hcloud_primary_ip.node["gateway-1"].ip_address
    error_message = "Others do not know the way in."
  }
}

run "the_gateway_goes_where_it_was_placed" {
  command = plan

  variables {
    gateway    = { type = "cax21", location = "hel1" }
    placements = { "gateway-1" = { type = "cpx12", location = "fsn1" } }
  }

  assert {
    condition     = hcloud_server.node["gateway-1"].server_type == "cpx12" && hcloud_primary_ip.node["gateway-1"].location == "fsn1"
    error_message = "The pre-flight's decision does not win."
  }
  assert {
    condition     = join(" ", output.provision.architectures) == "arm64"
    error_message = "No image runs on the gateway, so none is to be built for it."
  }
}
