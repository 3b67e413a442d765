package httpadapter

// ForgetWarnings lets a test see what is logged once in the life of a program.
func ForgetWarnings() { warned.Clear() }
