module hcloud-go-schema

go 1.26.0

require github.com/hetznercloud/hcloud-go/v2 v2.47.0
