package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// PathPrefix is where Lambda's API begins.
const PathPrefix = "/2015-03-31/functions/"

// settingsPath is the path of GetAccountSettings.
const settingsPath = "/2016-08-19/account-settings"

// accountConcurrency is how many invocations an AWS account may run at once in a
// region ("Lambda quotas"). New accounts have less.
const accountConcurrency = 1000

// Serves reports whether a path is one of the operations below.
func Serves(path string) bool {
	return path == settingsPath || strings.HasPrefix(path, "/2015-03-31/") || strings.HasPrefix(path, "/2017-10-31/functions/") || strings.HasPrefix(path, "/2019-09-30/functions/")
}

// maxPayload is Lambda's quota for the payload of a synchronous invocation, in
// bytes.
const maxPayload = 6 << 20

// ServeHTTP serves Lambda's Invoke, GetFunctionConfiguration and GetAccountSettings,
// and the operations of serveConcurrency. It answers other operations with an error.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
// https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PathPrefix+"{name}/invocations", s.serveInvoke)
	mux.HandleFunc("GET "+PathPrefix+"{name}/configuration", s.serveConfiguration)
	mux.HandleFunc("GET "+settingsPath, s.serveSettings)
	mux.HandleFunc("PUT "+putConcurrencyPath, s.serveConcurrency)
	mux.HandleFunc("DELETE "+putConcurrencyPath, s.serveConcurrency)
	mux.HandleFunc("GET "+getConcurrencyPath, s.serveConcurrency)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeAPIError(w, http.StatusNotFound, "UnknownOperationException", "The local stack's Lambda supports only Invoke, GetFunctionConfiguration, GetAccountSettings and reserved concurrency.")
	})
	mux.ServeHTTP(w, r)
}

// serveSettings answers with an account's quotas. Nothing is reserved here.
func (s *Service) serveSettings(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amzn-Requestid", NewRequestID())
	json.NewEncoder(w).Encode(map[string]any{
		"AccountLimit": map[string]any{"ConcurrentExecutions": accountConcurrency, "UnreservedConcurrentExecutions": accountConcurrency},
	})
}

// serveConfiguration answers with a function's name, environment and state.
func (s *Service) serveConfiguration(w http.ResponseWriter, r *http.Request) {
	name, _, err := splitName(r.PathValue("name"))
	if err != nil {
		writeAPIError(w, http.StatusBadRequest, "ValidationException", err.Error())
		return
	}
	s.mu.Lock()
	p := s.functions[name]
	s.mu.Unlock()
	if p == nil {
		writeInvokeError(w, ErrNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amzn-Requestid", NewRequestID())
	json.NewEncoder(w).Encode(map[string]any{
		"FunctionName": name,
		"Environment":  map[string]any{"Variables": p.function.Environment},
		"State":        "Active", "LastUpdateStatus": "Successful",
	})
}

func (s *Service) serveInvoke(w http.ResponseWriter, r *http.Request) {
	name, qualifier, err := splitName(r.PathValue("name"))
	if err != nil {
		writeAPIError(w, http.StatusBadRequest, "ValidationException", err.Error())
		return
	}
	if q := r.URL.Query().Get("Qualifier"); q != "" {
		qualifier = q
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	if err != nil {
		writeAPIError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", err.Error())
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if !json.Valid(payload) {
		writeAPIError(w, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json.")
		return
	}
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
		s.invokeAndAnswer(w, r, name, qualifier, payload)
	case "Event":
		s.invokeAsync(w, name, qualifier, payload)
	default:
		writeAPIError(w, http.StatusBadRequest, "InvalidParameterValueException", "Invocation type "+strconv.Quote(kind)+" is not emulated.")
	}
}

func (s *Service) invokeAndAnswer(w http.ResponseWriter, r *http.Request, name, qualifier string, payload []byte) {
	// On AWS, too, a function continues after its caller hangs up.
	result, err := s.Invoke(context.WithoutCancel(r.Context()), name, qualifier, payload)
	if err != nil {
		writeInvokeError(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amzn-Requestid", result.RequestID)
	h.Set("X-Amz-Executed-Version", result.ExecutedVersion)
	if result.Error != "" {
		h.Set("X-Amz-Function-Error", result.Error)
	}
	w.Write(result.Payload)
}

// invokeAsync answers at once and runs the function afterwards. Lambda would retry
// a failed run twice; this does not.
func (s *Service) invokeAsync(w http.ResponseWriter, name, qualifier string, payload []byte) {
	s.mu.Lock()
	p := s.functions[name]
	closed := s.closed
	if p != nil && !closed {
		s.events.Add(1)
	}
	s.mu.Unlock()
	if closed {
		writeInvokeError(w, errors.New("the functions are being shut down"))
		return
	}
	if p == nil {
		writeInvokeError(w, ErrNotFound)
		return
	}
	go func() {
		defer s.events.Done()
		s.Invoke(context.Background(), name, qualifier, payload)
	}()
	w.Header().Set("X-Amzn-Requestid", NewRequestID())
	w.WriteHeader(http.StatusAccepted)
}

func writeInvokeError(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrNotFound) {
		writeAPIError(w, http.StatusNotFound, "ResourceNotFoundException", err.Error())
		return
	}
	if errors.Is(err, ErrThrottled) {
		writeAPIError(w, http.StatusTooManyRequests, "TooManyRequestsException", err.Error())
		return
	}
	writeAPIError(w, http.StatusInternalServerError, "ServiceException", err.Error())
}

// writeAPIError answers like Lambda's API. The request id is needed: without it, a
// state machine in moto turns the error into States.Runtime.
func writeAPIError(w http.ResponseWriter, status int, kind, message string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amzn-Requestid", NewRequestID())
	h.Set("X-Amzn-Errortype", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": message})
}
