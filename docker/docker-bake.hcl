# What is built, for whom and with which arguments. `kvx images build` fills the variables; by hand:
#   REPOSITORY=localhost:5000 TAG=try docker buildx bake -f docker/docker-bake.hcl --push

variable "BASE" { default = "gcr.io/distroless/python3-debian12:nonroot" }
variable "BUILDER" { default = "python:3.11-slim-bookworm" }
variable "PACKAGES" { default = "native" }
variable "PLATFORMS" { default = "linux/arm64,linux/amd64" }
# Registry and folder: an image is REPOSITORY/NAME:TAG.
variable "REPOSITORY" { default = "localhost:5000" }
variable "TAG" { default = "unknown" }
variable "VERSION" { default = "" }
variable "REVISION" { default = "" }
variable "SOURCE" { default = "" }
# Seconds since 1970: the time of the commit, and of every file in the image.
variable "SOURCE_DATE_EPOCH" { default = "0" }

group "default" { targets = ["voice-api", "voice-processor", "kvx"] }

target "voice-api" {
  context    = "."
  dockerfile = "docker/voice-api.Dockerfile"
  platforms  = split(",", PLATFORMS)
  tags       = ["${REPOSITORY}/voice-api:${TAG}"]
  args = {
    BASE              = BASE
    BUILDER           = BUILDER
    PACKAGES          = PACKAGES
    VERSION           = VERSION
    REVISION          = REVISION
    SOURCE            = SOURCE
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH
  }
}

# The same image with another command: of its own it has only an empty folder.
target "voice-processor" {
  context    = "."
  contexts   = { voice-api = "target:voice-api" }
  dockerfile = "docker/voice-processor.Dockerfile"
  platforms  = split(",", PLATFORMS)
  tags       = ["${REPOSITORY}/voice-processor:${TAG}"]
  args = {
    VERSION           = VERSION
    REVISION          = REVISION
    SOURCE            = SOURCE
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH
  }
}

# kvx itself, small: what asks and tells from within a cluster.
target "kvx" {
  context    = "."
  dockerfile = "docker/kvx.Dockerfile"
  platforms  = split(",", PLATFORMS)
  tags       = ["${REPOSITORY}/kvx:${TAG}"]
  args = {
    BASE              = BASE
    BUILDER           = BUILDER
    PACKAGES          = PACKAGES
    VERSION           = VERSION
    REVISION          = REVISION
    SOURCE            = SOURCE
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH
  }
}
