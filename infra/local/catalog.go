package local

import (
	"context"
	"encoding/json"

	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/schedule"
)

// firstCatalog invokes functions for the schedule player, and reports the end of the
// first catalog refresh. Before that, forms have nothing to offer.
type firstCatalog struct {
	schedule.Functions
	ended chan string // gets the reason why the first refresh failed, or ""
}

func newFirstCatalog(f schedule.Functions) firstCatalog { return firstCatalog{f, make(chan string, 1)} }

// isScheduled reports whether one of the schedules refreshes the catalog at once, when
// the player starts.
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
		default: // not the first refresh
		}
	}
	return result, err
}
