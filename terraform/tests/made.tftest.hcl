# What is made carries its labels, and is told to those who come after.

mock_provider "hcloud" {
  source = "./tests/stand_ins"
}

variables {
  cluster_name      = "speech"
  ssh_public_keys   = { me = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtFJnPHqwY0yBCwYrLKqSp3RvM0rV8rD1rJxBwVwq1u me@here" }
  allowed_addresses = ["203.0.113.7/32"]
  hume_api_key      = "of-sixteen-or-more"
  load_balancer     = { location = "nbg1" }
  host_public_keys = {
    "control-plane-1" = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa host"
    "big-words-1"     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
  }
  pools = {
    big-words = {
      type      = "cax31"
      count     = 1
      location  = "nbg1"
      labels    = { "example.org/speech" = "yes", plain = "" }
      taints    = ["speech=only:NoSchedule"]
      volume_gb = 50
    }
  }
}

run "everything" {
  assert {
    condition = alltrue(concat(
      [for one in [hcloud_network.cluster, hcloud_firewall.nodes, hcloud_load_balancer.front[0], hcloud_ssh_key.operator["me"]] : one.labels["kvx/cluster"] == "speech"],
      [for group in hcloud_placement_group.spread : group.labels["kvx/cluster"] == "speech" && contains(["control-plane", "big-words"], group.labels["kvx/pool"])],
      [for key, server in hcloud_server.node : server.labels == tomap({ "kvx/cluster" = "speech", "kvx/pool" = local.nodes[key].pool, "kvx/node" = key })],
      [for key, address in hcloud_primary_ip.node : address.labels == hcloud_server.node[key].labels],
      [for key, volume in hcloud_volume.node : volume.labels == hcloud_server.node[key].labels],
    ))
    error_message = "Something does not say whose it is."
  }
  assert {
    condition = alltrue(flatten([
      [for thing in [hcloud_network.cluster, hcloud_firewall.nodes, hcloud_load_balancer.front[0]] : thing.name == "speech"],
      [for thing in concat(values(hcloud_server.node), values(hcloud_primary_ip.node), values(hcloud_volume.node), values(hcloud_placement_group.spread), values(hcloud_ssh_key.operator)) : startswith(thing.name, "speech-")],
    ]))
    error_message = "Something is not called as its cluster."
  }
  assert {
    condition     = hcloud_server.node["big-words-1"].keep_disk && hcloud_server.node["big-words-1"].shutdown_before_deletion && !one(hcloud_server.node["big-words-1"].public_net).ipv6_enabled
    error_message = "Servers are not made as they should."
  }
  assert {
    condition     = hcloud_volume.node["big-words-1"].size == 50 && keys(hcloud_volume.node) == ["big-words-1"]
    error_message = "A pool that wants volumes gets one for each node, and no other does."
  }
  assert {
    condition     = one(hcloud_load_balancer_service.http[0].http).timeout_idle == 300 && hcloud_load_balancer_target.nodes[0].use_private_ip
    error_message = "Speech would be cut off after a minute, or leave the private network."
  }
}

run "inventory" {
  assert {
    condition     = yamldecode(output.inventory).all.children.k3s_server == { children = { pool_control_plane = {} } } && yamldecode(output.inventory).all.children.k3s_agent == { children = { pool_big_words = {} } }
    error_message = "Control planes serve, the others are agents."
  }
  assert {
    condition     = keys(yamldecode(output.inventory).all.children.pool_big_words.hosts) == ["speech-big-words-1"] && keys(yamldecode(output.inventory).all.children.pool_control_plane.hosts) == ["speech-control-plane-1"]
    error_message = "A host is not called as its server."
  }
  assert {
    condition = yamldecode(output.inventory).all.children.pool_big_words.hosts["speech-big-words-1"] == {
      ansible_host  = hcloud_primary_ip.node["big-words-1"].ip_address
      private_ip    = one(hcloud_server.node["big-words-1"].network).ip
      node          = "big-words-1"
      pool          = "big-words"
      server_type   = "cax31"
      location      = "nbg1"
      architecture  = "arm64"
      node_labels   = { "example.org/speech" = "yes", plain = "", "kvx/pool" = "big-words" }
      node_taints   = ["speech=only:NoSchedule"]
      volume_device = hcloud_volume.node["big-words-1"].linux_device
    }
    error_message = "What Ansible has to know of a host is not what was made."
  }
  assert {
    condition     = strcontains(output.known_hosts, "${hcloud_primary_ip.node["control-plane-1"].ip_address},${one(hcloud_server.node["control-plane-1"].network).ip} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n")
    error_message = "known_hosts does not hold the key of a host."
  }
}

run "a_host_key_stays_what_it_was" {
  variables {
    host_public_keys = { "control-plane-1" = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIZzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz" }
  }

  assert {
    condition     = strcontains(output.known_hosts, "AAAAIAaaaa") && !strcontains(output.known_hosts, "AAAAIZzzzz")
    error_message = "Another machine's files changed the key a server was made with."
  }
}

run "handed_on" {
  command = plan

  variables {
    kubeconfig_path = "/somewhere/kubeconfig"
    kube_context    = "mine"
    cpu_quota       = "4000m"
    memory_quota    = "8Gi"
  }

  assert {
    condition     = [output.provision.kubeconfig_path, output.provision.kube_context, output.provision.cpu_quota, output.provision.memory_quota] == ["/somewhere/kubeconfig", "mine", "4000m", "8Gi"]
    error_message = "What the user wished of later phases does not reach them."
  }
  assert {
    condition     = join(" ", output.provision.architectures) == "arm64"
    error_message = "The images would be built for other machines."
  }
}

run "a_mixed_cluster_says_so" {
  command = plan

  variables {
    placements = { "big-words-1" = { type = "cpx22", location = "nbg1" } }
  }

  assert {
    condition     = join(" ", output.provision.architectures) == "amd64 arm64" && output.provision.nodes["big-words-1"].architecture == "amd64"
    error_message = "The images would not run on the fallback."
  }
}
