package console

// messagesOfAudit are the texts of the audit trail.
var messagesOfAudit = map[string]message{
	"checkpoint":      {"Last checkpoint", "Titik periksa terakhir"},
	"checkpoint.none": {"There is none yet.", "Belum ada."},
	"checkpoint.of":   {"Event %d, signed %s", "Peristiwa %d, ditandatangani %s"},
	"verify":          {"Verify now", "Periksa sekarang"},
	"verify.means":    {"Reads all events, all people and all clients, and compares them with what was recorded. This can take minutes.", "Membaca semua peristiwa, orang dan klien, dan membandingkannya dengan yang dicatat. Ini dapat memakan beberapa menit."},
	"verify.whole":    {"%d events, and all people and clients, are as they were recorded.", "%d peristiwa, dan semua orang dan klien, sesuai dengan yang dicatat."},
	"verify.broken":   {"Not as it was recorded: %s", "Tidak sesuai dengan yang dicatat: %s"},
	"verify.busy":     {"It is being verified already. Wait for that.", "Pemeriksaan sedang berjalan. Tunggu sampai selesai."},
	"subject":         {"Report to a data subject", "Laporan kepada subjek data"},
	"subject.means":   {"All that is stored about a person, without values, and who asked when: a file to be saved. Make sure that whoever asks is the person.", "Semua yang disimpan tentang seseorang, tanpa nilainya, dan siapa yang bertanya kapan: berkas untuk disimpan. Pastikan bahwa yang meminta adalah orangnya sendiri."},
	"subject.make":    {"Make the report", "Buat laporan"},
	"changes":         {"Last changes", "Perubahan terakhir"},
	"action":          {"Action", "Tindakan"},
	"actor":           {"By", "Oleh"},
	"changes.none":    {"There are none.", "Tidak ada."},
	"event":           {"Event", "Peristiwa"},
}
