package console

import "maps"

// message is a text of the pages in both languages.
type message struct{ en, id string }

// messages are all texts, by their keys.
var messages = merged(messagesOfAll, messagesOfPasskeys, messagesOfProvider, messagesOfVerifications, messagesOfTry, messagesOfAccuracy, messagesOfPeople, messagesOfClients, messagesOfAudit, messagesOfApprovals, messagesOfSettings, messagesOfErasure)

func merged(tables ...map[string]message) map[string]message {
	all := make(map[string]message)
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// messagesOfAll are the texts of all pages, of signing in and of errors.
var messagesOfAll = map[string]message{
	"title":         {"Sesuai console", "Konsol Sesuai"},
	"skip":          {"Skip to the content", "Langsung ke isi"},
	"menu":          {"Menu", "Menu"},
	"verifications": {"Verifications", "Verifikasi"},
	"clients":       {"Clients", "Klien"},
	"audit":         {"Audit", "Audit"},
	"signout":       {"Sign out", "Keluar"},
	"signedin":      {"Signed in as %s (%s)", "Masuk sebagai %s (%s)"},
	"role.admin":    {"admin", "admin"},
	"role.auditor":  {"auditor", "auditor"},
	"role.support":  {"support", "dukungan"},

	"signin":       {"Sign in", "Masuk"},
	"name":         {"Name", "Nama"},
	"password":     {"Password", "Kata sandi"},
	"code":         {"Code of the authenticator", "Kode autentikator"},
	"toenrol":      {"I have an invitation", "Saya punya undangan"},
	"tosignin":     {"I have a password", "Saya punya kata sandi"},
	"enrol":        {"Enrol", "Daftar"},
	"invitation":   {"Invitation", "Undangan"},
	"continue":     {"Continue", "Lanjut"},
	"enrolled":     {"You are enrolled. Wait for the next code of the authenticator, and sign in.", "Anda terdaftar. Tunggu kode autentikator berikutnya, lalu masuk."},
	"choose":       {"Choose how to sign in", "Pilih cara masuk"},
	"scan":         {"1. Scan this code with an authenticator app, or enter the key there.", "1. Pindai kode ini dengan aplikasi autentikator, atau masukkan kuncinya di sana."},
	"picture":      {"QR code of the key", "Kode QR dari kunci"},
	"key":          {"Key", "Kunci"},
	"then":         {"2. Choose a password of at least %d characters, and enter the code that the app shows.", "2. Pilih kata sandi dengan paling sedikit %d karakter, dan masukkan kode yang ditampilkan aplikasi."},
	"again":        {"Password once more", "Kata sandi sekali lagi"},
	"enrol.submit": {"Save", "Simpan"},

	"problem":             {"This did not work", "Ini tidak berhasil"},
	"problem.signin":      {"Not accepted. Name, password or code is wrong, the code was used before, or you are disabled.", "Tidak diterima. Nama, kata sandi atau kode salah, kode sudah dipakai, atau Anda dinonaktifkan."},
	"problem.wait":        {"Too many attempts. Wait, and try again.", "Terlalu banyak percobaan. Tunggu, lalu coba lagi."},
	"problem.forbidden":   {"You may not do this. If a page was open for long, load it again.", "Anda tidak boleh melakukan ini. Jika halaman lama terbuka, muat ulang."},
	"problem.notfound":    {"There is no such page.", "Halaman ini tidak ada."},
	"problem.malformed":   {"Something in the form cannot be used.", "Isian formulir tidak dapat dipakai."},
	"problem.nik":         {"A NIK has 16 digits.", "NIK terdiri dari 16 digit."},
	"problem.unavailable": {"The database cannot answer at the moment. Nothing has changed.", "Basis data sedang tidak dapat menjawab. Tidak ada yang berubah."},
	"problem.internal":    {"This should not happen. The log has the cause.", "Ini seharusnya tidak terjadi. Penyebabnya ada di log."},
	"problem.slow":        {"This takes too long. Give the days, so that less is searched.", "Ini terlalu lama. Isi tanggalnya, agar yang dicari lebih sedikit."},
	"problem.again":       {"The passwords differ.", "Kata sandi berbeda."},
	"problem.password":    {"A password has 12 to 256 characters, and not the name in it.", "Kata sandi terdiri dari 12 sampai 256 karakter, tanpa nama di dalamnya."},
	"problem.code":        {"The code or the invitation is wrong, or the code was used before.", "Kode atau undangan salah, atau kode sudah dipakai."},
	"back":                {"Back to the first page", "Kembali ke halaman pertama"},
}
