package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// ErrThrottled means that all of the function's reserved concurrency is in use.
var ErrThrottled = errors.New("the function's reserved concurrency is used up")

// Paths of the operations on reserved concurrency. Each has its own date.
const (
	putConcurrencyPath = "/2017-10-31/functions/{name}/concurrency" // and Delete
	getConcurrencyPath = "/2019-09-30/functions/{name}/concurrency"
)

// enter counts an invocation of p. It fails with ErrThrottled if the reserved
// concurrency is used up. leave ends the count.
func (s *Service) enter(p *pool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.reserved != nil && p.running >= *p.reserved {
		return fmt.Errorf("%w: %s", ErrThrottled, s.ARN(p.function.Name))
	}
	p.running++
	return nil
}

func (s *Service) leave(p *pool) {
	s.mu.Lock()
	p.running--
	s.mu.Unlock()
}

// serveConcurrency serves Lambda's GetFunctionConcurrency, PutFunctionConcurrency
// and DeleteFunctionConcurrency.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
func (s *Service) serveConcurrency(w http.ResponseWriter, r *http.Request) {
	name, _, err := splitName(r.PathValue("name"))
	if err != nil {
		writeAPIError(w, http.StatusBadRequest, "ValidationException", err.Error())
		return
	}
	var in struct{ ReservedConcurrentExecutions *int }
	if r.Method == http.MethodPut {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.ReservedConcurrentExecutions == nil || *in.ReservedConcurrentExecutions < 0 {
			writeAPIError(w, http.StatusBadRequest, "InvalidParameterValueException", "ReservedConcurrentExecutions is a number, at least 0.")
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.functions[name]
	if p == nil {
		writeInvokeError(w, ErrNotFound)
		return
	}
	if r.Method != http.MethodGet {
		p.reserved = in.ReservedConcurrentExecutions
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amzn-Requestid", NewRequestID())
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer := map[string]int{}
	if p.reserved != nil {
		answer["ReservedConcurrentExecutions"] = *p.reserved
	}
	json.NewEncoder(w).Encode(answer)
}
