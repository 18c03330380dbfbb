package console

// messagesOfPasskeys are the texts about passkeys.
var messagesOfPasskeys = map[string]message{
	"passkeys":        {"Passkeys", "Passkey"},
	"passkey":         {"Passkey", "Passkey"},
	"passkey.means":   {"A passkey signs you in with the finger, the face or the PIN of a device, without a password and a code. Nobody can keep you waiting by failing in your name.", "Passkey memasukkan Anda dengan jari, wajah atau PIN perangkat, tanpa kata sandi dan kode. Tidak ada yang dapat membuat Anda menunggu dengan gagal atas nama Anda."},
	"passkey.signin":  {"Sign in with a passkey", "Masuk dengan passkey"},
	"passkey.add":     {"Add a passkey", "Tambah passkey"},
	"passkey.name":    {"What you call the device", "Sebutan untuk perangkat"},
	"passkey.remove":  {"Remove", "Hapus"},
	"passkey.none":    {"You have none.", "Anda belum punya."},
	"passkey.added":   {"The passkey is added.", "Passkey ditambahkan."},
	"passkey.removed": {"The passkey is removed. If you were signed in elsewhere, you are not any more. The device may still offer it: delete it there, too.", "Passkey dihapus. Jika Anda masuk di tempat lain, sesi itu telah berakhir. Perangkat mungkin masih menawarkannya: hapus juga di sana."},
	"passkey.last":    {"It is your only way to sign in. Add another passkey first.", "Ini satu-satunya cara Anda masuk. Tambah passkey lain dulu."},
	"passkey.refused": {"The passkey was not accepted. It is not known here, the page was open for too long, or you are disabled.", "Passkey tidak diterima. Passkey tidak dikenal di sini, halaman terlalu lama terbuka, atau Anda dinonaktifkan."},
	"passkey.unmade":  {"The passkey was not added. It needs a name of up to 40 characters, and a page that was not open for long. There are up to 10 of them.", "Passkey tidak ditambahkan. Namanya sampai 40 karakter, dan halaman tidak boleh lama terbuka. Jumlahnya sampai 10."},
	"passkey.failed":  {"The browser did not use a passkey, or the console did not allow it. Try again, or load the page again.", "Peramban tidak memakai passkey, atau konsol tidak mengizinkannya. Coba lagi, atau muat ulang halaman."},
	"passkey.unable":  {"Passkeys need a browser that is up to date, with JavaScript.", "Passkey memerlukan peramban mutakhir dengan JavaScript."},
	// Without the name of a site a browser has no passkeys.
	"passkey.elsewhere": {"Passkeys need a name instead of an IP address, and work at one address alone:", "Passkey memerlukan nama, bukan alamat IP, dan hanya berfungsi di satu alamat:"},
	"passkey.off":       {"There are no passkeys on this console: console.origin is not set.", "Konsol ini tidak punya passkey: console.origin belum diisi."},
	"enrolled.passkey":  {"You are enrolled. Sign in with the passkey.", "Anda terdaftar. Masuk dengan passkey."},
}
