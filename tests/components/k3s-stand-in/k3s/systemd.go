package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
)

// notify tells systemd, where it listens.
func notify(state string) {
	place := os.Getenv("NOTIFY_SOCKET")
	if place == "" {
		return
	}
	connection, err := net.Dial("unixgram", place)
	if err != nil {
		say("systemd cannot be told: %v", err)
		return
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(state)); err != nil {
		say("systemd cannot be told: %v", err)
	}
}

func say(format string, values ...any) {
	now := time.Now().UTC().Format(time.RFC3339)
	fmt.Fprintf(os.Stderr, "time=%q level=info msg=%q\n", now, fmt.Sprintf(format, values...))
}

// within tries until it succeeds, and gives the last error where it does not in time.
func within(ctx context.Context, limit time.Duration, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w", what, limit, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
