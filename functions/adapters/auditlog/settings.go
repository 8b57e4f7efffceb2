package auditlog

// Settings say where the audit log is.
type Settings struct {
	Bucket string `env:"ELEVATOR_AUDIT_BUCKET,required"`
	Prefix string `env:"ELEVATOR_AUDIT_PREFIX"`
}
