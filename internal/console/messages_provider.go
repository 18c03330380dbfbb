package console

// messagesOfProvider are the texts about signing in at an OpenID provider.
var messagesOfProvider = map[string]message{
	"oidc.signin":  {"Sign in at %s", "Masuk di %s"},
	"oidc.goon":    {"Go on to the console", "Lanjut ke konsol"},
	"oidc.only":    {"You sign in at the provider of your organisation. You need no passkey here.", "Anda masuk di penyedia identitas organisasi Anda. Anda tidak perlu passkey di sini."},
	"oidc.refused": {"Not accepted. You are no operator of this console, you are disabled, or it took too long. Ask an admin, or try again.", "Tidak diterima. Anda bukan operator konsol ini, Anda dinonaktifkan, atau terlalu lama. Tanya admin, atau coba lagi."},
	"oidc.down":    {"The provider at which you sign in cannot be used at the moment. The log has the cause.", "Penyedia identitas tempat Anda masuk sedang tidak dapat dipakai. Penyebabnya ada di log."},
}
