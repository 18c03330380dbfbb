package console

// messagesOfAccuracy are the texts of accuracy.
var messagesOfAccuracy = map[string]message{
	"accuracy":             {"Accuracy", "Akurasi"},
	"accuracy.calibration": {"The scale in force", "Skala yang berlaku"},
	"accuracy.none":        {"There is no calibration: no face is compared.", "Tidak ada kalibrasi: wajah tidak dibandingkan."},
	"accuracy.data":        {"Measured on", "Diukur pada"},
	"accuracy.date":        {"Date", "Tanggal"},
	"accuracy.tool":        {"By", "Oleh"},
	"accuracy.people":      {"People, photographs, pairs of people", "Orang, foto, pasangan orang"},
	"accuracy.rates":       {"What a threshold means", "Arti ambang"},
	"accuracy.different":   {"Pairs of different people that reach it", "Pasangan orang berbeda yang mencapainya"},
	"accuracy.other":       {"Another threshold", "Ambang lain"},
	"accuracy.ask":         {"What would it do?", "Apa akibatnya?"},
	"accuracy.asked":       {"Threshold %s. %s", "Ambang %s. %s"},
	"accuracy.moved": {
		"Face verifications of the last %d days. What failed by something other than the face stays as it is. No photograph is compared again: the percentages are those of the audit trail.",
		"Verifikasi wajah dari %d hari terakhir. Yang gagal karena hal lain selain wajah tidak berubah. Tidak ada foto yang dibandingkan lagi: persentasenya berasal dari jejak audit.",
	},
	"accuracy.verified":   {"Verified", "Terverifikasi"},
	"accuracy.below":      {"Only the face was under the threshold", "Hanya wajah di bawah ambang"},
	"accuracy.tobelow":    {"Verified, would fail", "Terverifikasi, akan gagal"},
	"accuracy.toverified": {"Failed, would be verified", "Gagal, akan terverifikasi"},
	"accuracy.all":        {"All clients", "Semua klien"},
	"accuracy.nothing":    {"There were none.", "Tidak ada."},
	"accuracy.slow":       {"Counting the verifications takes too long.", "Menghitung verifikasi terlalu lama."},
}
