package local

import (
	"encoding/json"
	"fmt"

	"sso-elevator/slack/simulator"
)

// applyManifest gives the simulated workspace what the Slack app's manifest says: the
// app's name, its shortcuts and commands, its Home tab and events, and whether people can
// write to it.
func applyManifest(c *simulator.Config, manifest string) error {
	var m struct {
		Display struct {
			Name string `json:"name"`
		} `json:"display_information"`
		Features struct {
			AppHome struct {
				HomeTab          bool `json:"home_tab_enabled"`
				MessagesReadOnly bool `json:"messages_tab_read_only_enabled"`
			} `json:"app_home"`
			Shortcuts []struct {
				Name        string `json:"name"`
				CallbackID  string `json:"callback_id"`
				Description string `json:"description"`
			} `json:"shortcuts"`
			Commands []struct {
				Command     string `json:"command"`
				Description string `json:"description"`
			} `json:"slash_commands"`
		} `json:"features"`
		Settings struct {
			Events struct {
				BotEvents []string `json:"bot_events"`
			} `json:"event_subscriptions"`
		} `json:"settings"`
	}
	if err := json.Unmarshal([]byte(manifest), &m); err != nil {
		return fmt.Errorf("read the template's Slack manifest: %w", err)
	}
	c.AppName, c.MessagesReadOnly = m.Display.Name, m.Features.AppHome.MessagesReadOnly
	c.HomeTab, c.Events = m.Features.AppHome.HomeTab, m.Settings.Events.BotEvents
	c.Shortcuts, c.Commands = []simulator.Shortcut{}, []simulator.Command{}
	for _, s := range m.Features.Shortcuts {
		c.Shortcuts = append(c.Shortcuts, simulator.Shortcut{Name: s.Name, CallbackID: s.CallbackID, Description: s.Description})
	}
	for _, command := range m.Features.Commands {
		c.Commands = append(c.Commands, simulator.Command{Name: command.Command, Description: command.Description})
	}
	return nil
}
