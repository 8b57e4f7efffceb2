package simulator

func viewsOpen(c *call) answer {
	spec, code, problems := checkView(c.args["view"], "modal")
	if code != "" {
		return errorAnswer(code, problems...)
	}
	if c.str("trigger_id") == "" {
		return errorAnswer("invalid_arguments", "[ERROR] missing required field: trigger_id")
	}
	if _, code := c.w.takeTrigger(c.str("trigger_id")); code != "" {
		return errorAnswer(code)
	}
	v, code := c.w.openView(c.str("trigger_id"), spec)
	if code != "" {
		return errorAnswer(code)
	}
	return answer{"view": c.w.viewPayload(v, true)}
}

func viewsUpdate(c *call) answer {
	spec, code, problems := checkView(c.args["view"], "modal")
	if code != "" {
		return errorAnswer(code, problems...)
	}
	id, external := c.str("view_id"), c.str("external_id")
	if id == "" && external == "" {
		return errorAnswer("invalid_arguments", "[ERROR] missing required field: view_id")
	}
	v, code := c.w.updateView(id, external, c.str("hash"), spec)
	if code != "" {
		return errorAnswer(code)
	}
	return answer{"view": c.w.viewPayload(v, true)}
}
