package auditlog

// Settings say where the audit log is stored.
type Settings struct {
	Bucket string `env:"ELEVATOR_AUDIT_BUCKET,required"`
	Prefix string `env:"ELEVATOR_AUDIT_PREFIX"` // of the keys; may be empty
}
