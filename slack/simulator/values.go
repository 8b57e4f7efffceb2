package simulator

import (
	"encoding/json"
	"net/http"
)

// text is v where it is a string, else "".
func text(v any) string {
	s, _ := v.(string)
	return s
}

// number is v where it is a JSON number, else otherwise.
func number(v any, otherwise int) int {
	if f, ok := v.(float64); ok {
		return int(f)
	}
	return otherwise
}

// nullable is null in JSON for an empty string.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(v) // the client has gone, if this fails
}
