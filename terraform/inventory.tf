# The nodes as Ansible and SSH want to know them; hosts are called as their Kubernetes nodes will be.

# An imported server does not know its network; Hetzner does.
data "hcloud_servers" "living" {
  with_selector = "kvx/cluster=${var.cluster_name}"
}

locals {
  living_addresses = {
    for server in data.hcloud_servers.living.servers : server.name => one([
      for place in server.network : place.ip if cidrsubnet("${place.ip}/${split("/", var.subnet_range)[1]}", 0, 0) == var.subnet_range
    ])
  }
  private_addresses = { for key, server in hcloud_server.node : key => try(coalesce(one(server.network[*].ip), lookup(local.living_addresses, server.name, null)), null) }
  public_addresses  = { for key, address in hcloud_primary_ip.node : key => address.ip_address }
  jump_host         = var.private_only ? local.public_addresses["gateway-1"] : null

  hosts = {
    for key, node in local.nodes : key => merge(
      {
        ansible_host = node.public ? local.public_addresses[key] : local.private_addresses[key]
        private_ip   = local.private_addresses[key]
        node         = key
        pool         = node.pool
        server_type  = node.type
        location     = node.location
        architecture = local.platforms[local.architectures[key]]
        node_labels  = merge(node.labels, { "kvx/pool" = node.pool })
        node_taints  = node.taints
      },
      node.public ? {} : { jump_host = local.jump_host },
      node.volume_gb > 0 ? { volume_device = hcloud_volume.node[key].linux_device } : {},
    )
  }

  # Ansible warns of hyphens in the names of groups.
  pool_groups = { for name, _ in local.pools : name => "pool_${replace(name, "-", "_")}" }

  inventory = {
    all = {
      vars = {
        ansible_user = "root"
        cluster_name = var.cluster_name
        subnet_range = var.subnet_range
      }
      children = merge(
        {
          for name, group in local.pool_groups : group => {
            hosts = { for key, host in local.hosts : local.nodes[key].name => host if local.nodes[key].pool == name }
          }
        },
        {
          k3s_server = { children = { (local.pool_groups["control-plane"]) = {} } }
          k3s_agent  = { children = { for name, group in local.pool_groups : group => {} if !contains(["control-plane", "gateway"], name) } }
        },
      )
    }
  }

  known_hosts = join("", [
    for key, stored in terraform_data.host_key :
    "${join(",", compact([lookup(local.public_addresses, key, ""), local.private_addresses[key]]))} ${stored.output}\n"
  ])
}
