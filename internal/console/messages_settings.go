package console

// messagesOfSettings are the texts of the settings of clients.
var messagesOfSettings = map[string]message{
	"clients.new":     {"New client", "Klien baru"},
	"clients.add":     {"Add", "Tambahkan"},
	"clients.change":  {"Change", "Ubah"},
	"clients.means":   {"A lower threshold and a higher limit need another admin. The rest holds at once, on every node.", "Ambang yang lebih rendah dan batas yang lebih tinggi perlu admin lain. Selebihnya langsung berlaku, di setiap node."},
	"clients.changed": {"The client is changed.", "Klien diubah."},
	"clients.invalid": {"A setting is not valid. Nothing is changed.", "Ada pengaturan yang tidak sah. Tidak ada yang diubah."},
	"clients.taken":   {"There is a client of that name.", "Sudah ada klien dengan nama itu."},
	"clients.lastday": {"Last day (empty: none)", "Hari terakhir (kosong: tidak ada)"},

	"set.threshold":      {"Threshold, 75 to 100", "Ambang, 75 sampai 100"},
	"set.name_threshold": {"Threshold of the name, 80 to 100", "Ambang nama, 80 sampai 100"},
	"set.rate":           {"Requests a second (0: no limit)", "Permintaan per detik (0: tanpa batas)"},
	"set.burst":          {"Requests at once (0: those of a second)", "Permintaan sekaligus (0: sebanyak satu detik)"},
	"set.requests_day":   {"Requests a day (a number, off or default)", "Permintaan per hari (angka, off atau default)"},
	"set.in_flight":      {"Requests in progress (a number, off or default)", "Permintaan yang berjalan (angka, off atau default)"},
	"set.niks_day":       {"NIKs a day (a number, off or default)", "NIK per hari (angka, off atau default)"},
	"set.nonmatches_day": {"Non-matches a day (a number, off or default)", "Ketidakcocokan per hari (angka, off atau default)"},
}
