// Package mlog takes the place of monis.app/mlog, which the driver uses for
// its start-up messages and which not every module proxy serves: the names
// that the driver calls, on klog.
package mlog

import (
	"context"
	"os"

	"k8s.io/klog/v2"
)

// Format is the log's format; only klog's text is written here.
type Format string

// The formats that the driver's flags name.
const (
	FormatText Format = "text"
	FormatJSON Format = "json"
)

// Setup returns what flushes the log at the end.
func Setup() func() { return klog.Flush }

// ValidateAndSetKlogLevelAndFormatGlobally leaves klog as its flags set it.
func ValidateAndSetKlogLevelAndFormatGlobally(context.Context, klog.Level, Format) error { return nil }

// Error logs an error.
func Error(msg string, err error, keysAndValues ...any) { klog.ErrorS(err, msg, keysAndValues...) }

// Fatal logs an error and ends the process.
func Fatal(err error) {
	klog.ErrorS(err, "fatal")
	klog.Flush()
	os.Exit(1)
}
