# What is built, for whom and with which arguments. `kvx images build` fills the variables; by hand:
#   docker buildx bake -f docker/docker-bake.hcl --set '*.tags=REGISTRY/voice-api:TAG' --push

variable "BASE" { default = "gcr.io/distroless/python3-debian12:nonroot" }
variable "BUILDER" { default = "python:3.11-slim-bookworm" }
variable "PACKAGES" { default = "native" }
variable "PLATFORMS" { default = "linux/arm64,linux/amd64" }
variable "REPOSITORY" { default = "voice-api" }
variable "PROCESSOR_REPOSITORY" { default = "voice-processor" }
variable "TAG" { default = "unknown" }
variable "VERSION" { default = "" }
variable "REVISION" { default = "" }
variable "SOURCE" { default = "" }
# Seconds since 1970: the time of the commit, and of every file in the image.
variable "SOURCE_DATE_EPOCH" { default = "0" }

group "default" { targets = ["voice-api"] }

target "voice-api" {
  context    = "."
  dockerfile = "docker/voice-api.Dockerfile"
  platforms  = split(",", PLATFORMS)
  tags       = ["${REPOSITORY}:${TAG}"]
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

# The same image with another command, for those who run containers by hand; a cluster needs only the one above.
target "voice-processor" {
  context    = "."
  contexts   = { voice-api = "target:voice-api" }
  dockerfile = "docker/voice-processor.Dockerfile"
  platforms  = split(",", PLATFORMS)
  tags       = ["${PROCESSOR_REPOSITORY}:${TAG}"]
  args       = { SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH }
}
