package host_test

import (
	"bytes"
	"testing"
	"time"

	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/host"
)

func TestCountWritesOneLine(t *testing.T) {
	tests := []struct {
		name string
		dims map[string]string
		want string
	}{
		{
			name: "without dimensions",
			want: `{"Granted":1,"_aws":{"CloudWatchMetrics":[{"Namespace":"SsoElevator","Dimensions":[[]],"Metrics":[{"Name":"Granted","Unit":"Count"}]}],"Timestamp":1767225600000}}` + "\n",
		},
		{
			name: "with dimensions, sorted",
			dims: map[string]string{"Kind": "denied", "Function": "audit"},
			want: `{"Function":"audit","Granted":1,"Kind":"denied","_aws":{"CloudWatchMetrics":[{"Namespace":"SsoElevator","Dimensions":[["Function","Kind"]],"Metrics":[{"Name":"Granted","Unit":"Count"}]}],"Timestamp":1767225600000}}` + "\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			e := &host.Emitter{W: &out, Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }, Namespace: "SsoElevator"}
			e.Count(metric.Granted, test.dims)
			if out.String() != test.want {
				t.Errorf("got  %s\nwant %s", &out, test.want)
			}
		})
	}
}

func TestMeasureAndGaugeWriteOneLine(t *testing.T) {
	tests := []struct {
		name string
		emit func(*host.Emitter)
		want string
	}{
		{
			name: "milliseconds",
			emit: func(e *host.Emitter) {
				e.Measure(metric.TimeToDecision, 90*time.Second+2500*time.Microsecond, map[string]string{"Kind": "denied"})
			},
			want: `{"Kind":"denied","TimeToDecision":90002,"_aws":{"CloudWatchMetrics":[{"Namespace":"SsoElevator","Dimensions":[["Kind"]],"Metrics":[{"Name":"TimeToDecision","Unit":"Milliseconds"}]}],"Timestamp":1767225600000}}` + "\n",
		},
		{
			name: "a clock that is behind",
			emit: func(e *host.Emitter) { e.Measure(metric.TimeToGrant, -time.Second, nil) },
			want: `{"TimeToGrant":0,"_aws":{"CloudWatchMetrics":[{"Namespace":"SsoElevator","Dimensions":[[]],"Metrics":[{"Name":"TimeToGrant","Unit":"Milliseconds"}]}],"Timestamp":1767225600000}}` + "\n",
		},
		{
			name: "a number that stands",
			emit: func(e *host.Emitter) { e.Gauge(metric.ActiveAccess, 7) },
			want: `{"ActiveAccess":7,"_aws":{"CloudWatchMetrics":[{"Namespace":"SsoElevator","Dimensions":[[]],"Metrics":[{"Name":"ActiveAccess","Unit":"Count"}]}],"Timestamp":1767225600000}}` + "\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			test.emit(&host.Emitter{W: &out, Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }, Namespace: "SsoElevator"})
			if out.String() != test.want {
				t.Errorf("got  %s\nwant %s", &out, test.want)
			}
		})
	}
}
