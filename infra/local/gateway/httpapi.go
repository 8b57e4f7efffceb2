package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"sso-elevator/infra/local/lambda"
)

// apiPrefix is where the HTTP API of the template begins.
const apiPrefix = "/_api"

// Limits of an HTTP API: the size of a request, and how long it waits for the
// integration.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
const (
	maxAPIBody = 10 << 20
	apiTimeout = 30 * time.Second
)

// Route is one route of the HTTP API: a method, a path, and the function behind it.
type Route struct {
	Method, Path        string
	Function, Qualifier string
}

// SetRoutes replaces the routes of the HTTP API.
func (g *Gateway) SetRoutes(routes []Route) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.routes = routes
}

func (g *Gateway) route(r *http.Request) (Route, bool) {
	path := strings.TrimPrefix(r.URL.Path, apiPrefix)
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, route := range g.routes {
		if route.Path == path && (route.Method == r.Method || route.Method == "ANY") {
			return route, true
		}
	}
	return Route{}, false
}

// serveAPI calls a route's function with payload format 2.0 and passes on its
// answer.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func (g *Gateway) serveAPI(w http.ResponseWriter, r *http.Request) {
	route, found := g.route(r)
	if !found {
		apiMessage(w, http.StatusNotFound, "Not Found")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAPIBody))
	if err != nil {
		apiMessage(w, http.StatusRequestEntityTooLarge, "Request Too Long")
		return
	}
	event, err := json.Marshal(apiEvent(r, route, body, g.config.Now()))
	if err != nil {
		apiMessage(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), apiTimeout)
	defer cancel()
	result, err := g.config.Lambda.Invoke(ctx, route.Function, route.Qualifier, event)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, lambda.ErrThrottled):
		apiMessage(w, http.StatusServiceUnavailable, "Service Unavailable")
	case err != nil || result.Error != "":
		apiMessage(w, http.StatusInternalServerError, "Internal Server Error")
	default:
		writeAPIResult(w, result.Payload)
	}
}

func apiMessage(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"message": message})
}

// apiEvent returns a request in payload format 2.0.
func apiEvent(r *http.Request, route Route, body []byte, now time.Time) map[string]any {
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	delete(headers, "cookie")
	path := strings.TrimPrefix(r.URL.Path, apiPrefix)
	sourceIP, _, _ := net.SplitHostPort(r.RemoteAddr)
	routeKey := route.Method + " " + route.Path
	event := map[string]any{
		"version":        "2.0",
		"routeKey":       routeKey,
		"rawPath":        path,
		"rawQueryString": r.URL.RawQuery,
		"headers":        headers,
		"requestContext": map[string]any{
			"accountId":    "123456789012",
			"apiId":        "local",
			"domainName":   r.Host,
			"domainPrefix": "local",
			"http": map[string]string{
				"method": r.Method, "path": path, "protocol": r.Proto, "sourceIp": sourceIP, "userAgent": r.UserAgent(),
			},
			"requestId": lambda.NewRequestID(),
			"routeKey":  routeKey,
			"stage":     "$default",
			"time":      now.UTC().Format("02/Jan/2006:15:04:05 +0000"),
			"timeEpoch": now.UnixMilli(),
		},
		"isBase64Encoded": false,
	}
	if query := r.URL.Query(); len(query) > 0 {
		joined := map[string]string{}
		for name, values := range query {
			joined[name] = strings.Join(values, ",")
		}
		event["queryStringParameters"] = joined
	}
	if cookies := r.Header["Cookie"]; len(cookies) > 0 {
		event["cookies"] = strings.Split(strings.Join(cookies, "; "), "; ")
	}
	if len(body) > 0 {
		if isText(r.Header.Get("Content-Type")) {
			event["body"] = string(body)
		} else {
			event["body"] = base64.StdEncoding.EncodeToString(body)
			event["isBase64Encoded"] = true
		}
	}
	return event
}

// isText reports whether an HTTP API passes a body of this type on unchanged. Other
// bodies, including Slack's forms, arrive in base64.
func isText(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

// writeAPIResult turns a function's result into a response. A result without a
// status code is itself the body.
func writeAPIResult(w http.ResponseWriter, payload []byte) {
	var result struct {
		StatusCode      int               `json:"statusCode"`
		Headers         map[string]string `json:"headers"`
		Cookies         []string          `json:"cookies"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(payload, &result); err != nil || result.StatusCode == 0 {
		if !json.Valid(payload) {
			apiMessage(w, http.StatusInternalServerError, "Internal Server Error")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(payload)
		return
	}
	body := []byte(result.Body)
	if result.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(result.Body)
		if err != nil {
			apiMessage(w, http.StatusInternalServerError, "Internal Server Error")
			return
		}
		body = decoded
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for name, value := range result.Headers {
		w.Header().Set(name, fmt.Sprint(value))
	}
	for _, cookie := range result.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(result.StatusCode)
	w.Write(body)
}
