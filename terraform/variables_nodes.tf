# Which nodes there are to be, and where.

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
    condition     = alltrue([for name, _ in var.pools : can(regex("^[a-z]([-a-z0-9]*[a-z0-9])?$", name))])
    error_message = "The name of a pool becomes part of host names: small letters, digits and hyphens, a letter first, no hyphen last."
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
