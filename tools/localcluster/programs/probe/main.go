// Command probe is an application without a shell. It prints variables and a file, then waits: a file that changes
// is printed again, SIGHUP is told, SIGTERM ends it.
//
//	probe [-once] [-env NAME,NAME] [-file PATH]
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	once := flag.Bool("once", false, "end after printing")
	names := flag.String("env", "", "print variables")
	path := flag.String("file", "", "print a file")
	flag.Parse()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	for _, name := range strings.FieldsFunc(*names, func(letter rune) bool { return letter == ',' }) {
		value, found := os.LookupEnv(name)
		fmt.Printf("env %s=%q %t\n", name, value, found)
	}
	for last := ""; ; {
		if now := read(*path); now != last {
			fmt.Println(now)
			last = now
		}
		if *once {
			return
		}
		select {
		case received := <-signals:
			fmt.Println("signal", received)
			if received != syscall.SIGHUP {
				return
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func read(path string) string {
	if path == "" {
		return ""
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("no file: %v", err)
	}
	return fmt.Sprintf("file %s=%q", path, content)
}
