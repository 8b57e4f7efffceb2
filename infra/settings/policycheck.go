package settings

func (s *Settings) checkPolicy(r *reader) {}
