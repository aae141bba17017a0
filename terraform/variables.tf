# What a cluster can be asked to be; each value is checked before anything is made.

variable "cluster_name" {
  description = "What every resource is called, or begins with, and is labelled with: kvx/cluster=NAME."
  type        = string
  default     = "kvx"

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", var.cluster_name))
    error_message = "cluster_name becomes part of host names: use at most 40 small letters, digits and hyphens, a letter first, no hyphen last."
  }
}

variable "image" {
  description = "The operating system of new nodes, by name or id; nodes that live keep theirs."
  type        = string
  default     = "debian-12"

  validation {
    condition     = can(regex("^[a-z0-9][-a-z0-9._]*$", var.image))
    error_message = "image is the name or the id of an image at Hetzner, such as debian-12."
  }
}

variable "network_zone" {
  description = "The zone all nodes lie in; a network cannot leave it. ARM64 machines are in eu-central only."
  type        = string
  default     = "eu-central"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+$", var.network_zone))
    error_message = "network_zone is the name of a zone at Hetzner, such as eu-central."
  }
}

variable "network_range" {
  description = "The private network of the cluster, one of the ranges that are set aside for private use."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.network_range)) && can(regex("^(10\\.|172\\.(1[6-9]|2\\d|3[01])\\.|192\\.168\\.).*/([89]|1\\d|2[0-4])$", var.network_range))
    error_message = "network_range is a private range of IPv4 between /8 and /24, such as 10.0.0.0/16."
  }

  validation {
    condition     = try(cidrhost(var.network_range, 0) == split("/", var.network_range)[0], true)
    error_message = "network_range is not the start of its block; write ${try(cidrsubnet(var.network_range, 0, 0), "10.0.0.0/16")}."
  }
}

variable "subnet_range" {
  description = "The part of network_range the nodes lie in."
  type        = string
  default     = "10.0.0.0/20"

  validation {
    condition     = can(cidrnetmask(var.subnet_range)) && try(cidrhost(var.subnet_range, 0) == split("/", var.subnet_range)[0], false)
    error_message = "subnet_range is a range of IPv4 from the start of its block, such as 10.0.0.0/20."
  }

  validation {
    condition = try(
      tonumber(split("/", var.subnet_range)[1]) >= tonumber(split("/", var.network_range)[1])
      && cidrhost("${split("/", var.subnet_range)[0]}/${split("/", var.network_range)[1]}", 0) == cidrhost(var.network_range, 0),
      false,
    )
    error_message = "subnet_range does not lie inside network_range (${var.network_range})."
  }

  validation {
    condition     = !startswith(var.subnet_range, "10.42.") && !startswith(var.subnet_range, "10.43.")
    error_message = "subnet_range may not be 10.42... or 10.43...: k3s gives those addresses to pods and services."
  }

  validation {
    condition     = try(pow(2, 32 - tonumber(split("/", var.subnet_range)[1])) - 4 >= length(local.nodes), false)
    error_message = "subnet_range has not enough addresses for all nodes; make it larger, such as a /24 for up to 100 nodes."
  }
}

variable "control_plane" {
  description = "The nodes that steer the cluster: 1, or 3 that survive the loss of one."
  type = object({
    type      = string
    count     = number
    location  = string
    fallbacks = optional(list(string), [])
  })
  default = {
    type     = "cax11"
    count    = 1
    location = "nbg1"
  }

  validation {
    condition     = contains([1, 3], var.control_plane.count)
    error_message = "control_plane.count is 1 or 3: of an even number the rest cannot agree when one fails."
  }

  validation {
    condition     = can(regex("^[a-z]+[0-9]+$", var.control_plane.type)) && can(regex("^[a-z]+[0-9]*$", var.control_plane.location))
    error_message = "control_plane.type and .location are names at Hetzner, such as cax11 and nbg1."
  }

  validation {
    condition     = alltrue([for place in var.control_plane.fallbacks : can(regex("^[a-z]+[0-9]+@[a-z]+[0-9]*$", place))])
    error_message = "Each of control_plane.fallbacks is written TYPE@LOCATION, such as cax21@hel1."
  }
}

variable "pools" {
  description = "The other nodes, by the name of their pool. Fallbacks are tried by kvx, before it plans."
  type = map(object({
    type      = string
    count     = number
    location  = string
    labels    = optional(map(string), {})
    taints    = optional(list(string), [])
    fallbacks = optional(list(string), [])
    volume_gb = optional(number, 0)
  }))
  default = {
    workers = {
      type     = "cax21"
      count    = 2
      location = "nbg1"
    }
  }

  validation {
    condition     = alltrue([for name, _ in var.pools : can(regex("^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$", name))])
    error_message = "The name of a pool becomes part of host names: at most 20 small letters, digits and hyphens, a letter first, no hyphen last."
  }

  validation {
    condition     = !contains(keys(var.pools), "control-plane") && !contains(keys(var.pools), "gateway")
    error_message = "No pool can be called control-plane or gateway: kvx gives these names to nodes of its own."
  }

  validation {
    condition     = alltrue([for pool in var.pools : pool.count >= 0 && floor(pool.count) == pool.count])
    error_message = "The count of a pool is a whole number, 0 or more."
  }

  validation {
    condition     = sum(concat([var.control_plane.count, var.private_only ? 1 : 0], [for pool in var.pools : pool.count])) <= 100
    error_message = "A network at Hetzner takes 100 servers, and these pools make more; make them smaller, or two clusters of it."
  }

  validation {
    condition     = sum(concat([1, var.private_only ? 1 : 0], [for pool in var.pools : ceil(pool.count / 10)])) <= 50
    error_message = "A project at Hetzner takes 50 placement groups, one for each ten nodes of a pool; use fewer and larger pools."
  }

  validation {
    condition     = alltrue([for pool in var.pools : can(regex("^[a-z]+[0-9]+$", pool.type)) && can(regex("^[a-z]+[0-9]*$", pool.location))])
    error_message = "The type and the location of a pool are names at Hetzner, such as cax21 and nbg1."
  }

  validation {
    condition     = alltrue(flatten([for pool in var.pools : [for place in pool.fallbacks : can(regex("^[a-z]+[0-9]+@[a-z]+[0-9]*$", place))]]))
    error_message = "Each fallback of a pool is written TYPE@LOCATION, such as cax21@hel1."
  }

  validation {
    condition = alltrue(flatten([for pool in var.pools : [
      for key, value in pool.labels :
      can(regex("^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$", key))
      && can(regex("^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$", value))
    ]]))
    error_message = "A label of a pool is [PREFIX/]NAME = VALUE as Kubernetes allows it: at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last."
  }

  validation {
    condition     = alltrue(flatten([for pool in var.pools : [for key, _ in pool.labels : !can(regex("(^|\\.)(kubernetes|k8s)\\.io/", key)) || can(regex("^(node\\.kubernetes\\.io|kubelet\\.kubernetes\\.io)/", key))]]))
    error_message = "A node may not label itself under kubernetes.io; choose a prefix of your own, or node.kubernetes.io/."
  }

  validation {
    condition     = alltrue(flatten([for pool in var.pools : [for taint in pool.taints : can(regex("^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?(=([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?)?:(NoSchedule|PreferNoSchedule|NoExecute)$", taint))]]))
    error_message = "A taint of a pool is written KEY=VALUE:EFFECT, and EFFECT is NoSchedule, PreferNoSchedule or NoExecute."
  }

  validation {
    condition     = alltrue([for pool in var.pools : pool.volume_gb == 0 || (pool.volume_gb >= 10 && pool.volume_gb <= 10240 && floor(pool.volume_gb) == pool.volume_gb)])
    error_message = "volume_gb of a pool is 0 for none, or a whole number from 10 to 10240: Hetzner has no other volumes."
  }
}

variable "gateway" {
  description = "The node through which private-only nodes reach the internet and are reached; location null: that of the control planes."
  type = object({
    type     = optional(string, "cax11")
    location = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^[a-z]+[0-9]+$", var.gateway.type)) && can(regex("^[a-z]+[0-9]*$", coalesce(var.gateway.location, "nbg1")))
    error_message = "gateway.type and .location are names at Hetzner, such as cax11 and nbg1."
  }
}

variable "placements" {
  description = "Where single nodes really go, by POOL-N; wins over their pool. kvx's pre-flight decides it."
  type = map(object({
    type     = string
    location = string
  }))
  default = {}

  validation {
    condition     = alltrue([for key, _ in var.placements : can(regex("^[a-z][-a-z0-9]*-[1-9][0-9]*$", key))])
    error_message = "The keys of placements are nodes, POOL-N with N from 1, such as workers-2."
  }

  validation {
    condition     = alltrue([for place in var.placements : can(regex("^[a-z]+[0-9]+$", place.type)) && can(regex("^[a-z]+[0-9]*$", place.location))])
    error_message = "type and location in placements are names at Hetzner, such as cax21 and nbg1."
  }
}

variable "ssh_public_keys" {
  description = "Who may log in to new nodes: public keys by a short name."
  type        = map(string)

  validation {
    condition     = length(var.ssh_public_keys) > 0
    error_message = "Name at least one key in ssh_public_keys, such as { me = \"ssh-ed25519 AAAA...\" }; without one Hetzner mails a root password."
  }

  validation {
    condition     = alltrue([for name, _ in var.ssh_public_keys : can(regex("^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$", name))])
    error_message = "The names in ssh_public_keys have letters, digits, '-', '_' and '.', and at most 63 of them."
  }

  validation {
    condition     = alltrue([for key in var.ssh_public_keys : can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*( [^\\n]*)?\\n?$", key))])
    error_message = "The values in ssh_public_keys are public keys as in id_ed25519.pub: one line that begins with ssh-ed25519, ssh-rsa, ecdsa-... or sk-..."
  }
}

variable "allowed_addresses" {
  description = "Who reaches SSH and the Kubernetes API, as blocks of addresses; one address is A.B.C.D/32."
  type        = list(string)

  validation {
    condition     = length(var.allowed_addresses) > 0
    error_message = "Name at least one block in allowed_addresses, such as that of your own address, or nobody can log in."
  }

  validation {
    condition     = length(var.allowed_addresses) <= 100
    error_message = "A rule of a firewall at Hetzner takes 100 blocks of addresses; join some in allowed_addresses."
  }

  validation {
    condition     = alltrue([for block in var.allowed_addresses : try(cidrhost(block, 0) == lower(split("/", block)[0]), false)])
    error_message = "Each of allowed_addresses is a block from its start, such as 203.0.113.7/32, 203.0.113.0/24 or 2001:db8::/64."
  }

  validation {
    condition     = var.open_to_the_world || alltrue([for block in var.allowed_addresses : try(tonumber(split("/", block)[1]) >= (strcontains(block, ":") ? 19 : 8), true)])
    error_message = "allowed_addresses would open SSH and the Kubernetes API to (half) the world. Name your own addresses, or set open_to_the_world = true."
  }
}

variable "open_to_the_world" {
  description = "Lets allowed_addresses, and web_addresses without a load balancer, be everybody."
  type        = bool
  default     = false
  nullable    = false
}

variable "web_addresses" {
  description = "Who reaches 80 and 443. Before a load balancer Hetzner has no firewall, so there it is everybody; without one the nodes open to named blocks, and to everybody only if open_to_the_world."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]
  nullable    = false

  validation {
    condition     = length(var.web_addresses) <= 100 && alltrue([for block in var.web_addresses : try(cidrhost(block, 0) == lower(split("/", block)[0]), false)])
    error_message = "Each of web_addresses (at most 100) is a block from its start, such as 203.0.113.0/24 or 2001:db8::/64."
  }

  validation {
    condition     = var.load_balancer == null || toset(var.web_addresses) == toset(["0.0.0.0/0", "::/0"])
    error_message = "Hetzner has no firewall before a load balancer, so web_addresses cannot be kept. Leave web_addresses out, or the load balancer."
  }
}

variable "load_balancer" {
  description = "A load balancer before all nodes, for 80 and 443; null for none."
  type = object({
    type     = optional(string, "lb11")
    location = string
  })
  default = null

  validation {
    condition     = var.load_balancer == null || (can(regex("^lb[0-9]+$", var.load_balancer.type)) && can(regex("^[a-z]+[0-9]*$", var.load_balancer.location)))
    error_message = "load_balancer.type and .location are names at Hetzner, such as lb11 and nbg1."
  }
}

variable "private_only" {
  description = "Nodes get no public address; one small gateway is their way out, and the way in."
  type        = bool
  default     = false
  nullable    = false
}

variable "host_keys_folder" {
  description = "Holds the ed25519 host key of each node in a file called POOL-N, so that the first login is verified; empty: nodes make their own."
  type        = string
  default     = ""
  nullable    = false
}

variable "host_public_keys" {
  description = "The public halves of the host keys, by POOL-N; they make up known_hosts."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in var.host_public_keys : can(regex("^ssh-ed25519 [A-Za-z0-9+/]+=*( [^\\n]*)?\\n?$", key))])
    error_message = "The values in host_public_keys are public keys as in POOL-N.pub: one line that begins with ssh-ed25519."
  }

  validation {
    condition     = var.host_keys_folder == "" || alltrue([for key, _ in local.nodes : contains(keys(var.host_public_keys), key)])
    error_message = "host_keys_folder is set, and host_public_keys lacks some node; give each POOL-N its key."
  }
}

variable "poll_interval" {
  description = "How often the provider asks whether Hetzner is done; shorter only against a simulation."
  type        = string
  default     = "500ms"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*(ms|s)$", var.poll_interval))
    error_message = "poll_interval is a duration, such as 500ms or 2s."
  }
}

variable "kubeconfig_path" {
  description = "Where the cluster's kubeconfig goes; handed on to the phases that talk to Kubernetes."
  type        = string
  default     = "~/.kube/config"
  nullable    = false

  validation {
    condition     = var.kubeconfig_path != "" && !strcontains(var.kubeconfig_path, "\n")
    error_message = "kubeconfig_path is the path of a file, such as ~/.kube/config."
  }
}

variable "kube_context" {
  description = "What the cluster is called in that kubeconfig; handed on likewise."
  type        = string
  default     = "hetzner-cluster"
  nullable    = false

  validation {
    condition     = can(regex("^[^\\s]+$", var.kube_context))
    error_message = "kube_context is the name of a context, without spaces, such as hetzner-cluster."
  }
}

variable "cpu_quota" {
  description = "How much CPU the voice API may ask for; handed on to its namespace's ResourceQuota."
  type        = string
  default     = "2000m"
  nullable    = false

  validation {
    condition     = can(regex("^([1-9][0-9]*m?|[0-9]+\\.[0-9]+)$", var.cpu_quota))
    error_message = "cpu_quota is an amount of CPU as Kubernetes writes it, such as 2000m or 2."
  }
}

variable "memory_quota" {
  description = "How much memory the voice API may ask for; handed on likewise."
  type        = string
  default     = "4Gi"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)$", var.memory_quota))
    error_message = "memory_quota is an amount of memory as Kubernetes writes it, such as 4Gi or 512Mi."
  }
}

variable "hume_api_key" {
  description = "The key of the cloud voice service. kvx makes the cluster's secret of it; Terraform only checks it and forgets it: no plan, no state and no output holds it."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.hume_api_key == null ? true : can(regex("^[^\\s]{16,}$", var.hume_api_key)) && !startswith(var.hume_api_key, "your-")
    error_message = "hume_api_key is no key but the words of the example; leave it out (the voice API then speaks for itself), or export TF_VAR_hume_api_key."
  }
}
