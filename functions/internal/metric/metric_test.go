package metric_test

import (
	"bytes"
	"testing"
	"time"

	"sso-elevator/functions/internal/metric"
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
			e := &metric.Emitter{W: &out, Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }}
			e.Count(metric.Granted, test.dims)
			if out.String() != test.want {
				t.Errorf("got  %s\nwant %s", &out, test.want)
			}
		})
	}
}
