package lambda

// KnowsEndOf reports whether the service has noticed that a process of its own
// has ended. That may come a moment after the process is gone.
func (s *Service) KnowsEndOf(pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, inst := range s.running {
		if inst.process.PID() != pid {
			continue
		}
		select {
		case <-inst.process.Done():
		default:
			return false
		}
	}
	return true
}
