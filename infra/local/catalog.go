package local

import (
	"context"
	"encoding/json"

	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/schedule"
)

// firstCatalog is Functions for the player of schedules. It waits for the end of
// the first refresh of the catalog: until then nobody can fill in a form.
type firstCatalog struct {
	schedule.Functions
	ended chan string // why it failed; "" where there is a catalog
}

func newFirstCatalog(f schedule.Functions) firstCatalog { return firstCatalog{f, make(chan string, 1)} }

// isScheduled reports whether one of the schedules refreshes the catalog as soon as it
// is played.
func (f firstCatalog) isScheduled(schedules []schedule.Schedule) bool {
	for _, s := range schedules {
		if _, isRate := s.Expression.Every(); isRate && s.Function != "" && isCatalogRefresh([]byte(s.Input)) {
			return true
		}
	}
	return false
}

func isCatalogRefresh(payload []byte) bool {
	var in struct{ Operation string }
	return json.Unmarshal(payload, &in) == nil && in.Operation == "catalog"
}

func (f firstCatalog) Invoke(ctx context.Context, name, qualifier string, payload []byte) (lambda.Result, error) {
	result, err := f.Functions.Invoke(ctx, name, qualifier, payload)
	if isCatalogRefresh(payload) {
		why := ""
		switch {
		case err != nil:
			why = err.Error()
		case result.Error != "":
			why = string(result.Payload)
		}
		select {
		case f.ended <- why:
		default: // it was not the first
		}
	}
	return result, err
}
