package leavers

const (
	ClaimFor  = claimFor
	DueAfter  = dueAfter
	LateAfter = lateAfter
	WaveTime  = waveTime
	LeaveFor  = leaveFor
	CloseFor  = closeFor
)
