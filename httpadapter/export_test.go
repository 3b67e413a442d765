package httpadapter

// ForgetWarnings lets a test see what is logged once in the life of a program.
func ForgetWarnings() { warned.Clear() }

// Negotiate is the name of the coding for an Accept-Encoding, "" for none.
func Negotiate(accept ...string) string {
	if c := negotiate(accept); c != nil {
		return c.name
	}
	return ""
}
