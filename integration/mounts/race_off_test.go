//go:build !race

package mounts

const raceDetector = false
