package console

// messagesOfErasure are the texts of the erasure of what is stored of a person.
var messagesOfErasure = map[string]message{
	"erasure":          {"Erase a person", "Hapus data seseorang"},
	"erasure.means":    {"All that is stored of the person is erased, once another admin has approved it, and cannot be restored. The NIK is never shown; the case is.", "Semua yang disimpan tentang orang itu dihapus setelah admin lain menyetujuinya, dan tidak dapat dikembalikan. NIK tidak pernah ditampilkan; nomor perkara ditampilkan."},
	"erasure.case":     {"Case, such as a ticket", "Nomor perkara, misalnya tiket"},
	"erasure.nocase":   {"Name the case, in at most 64 characters and without a NIK.", "Sebutkan nomor perkara, paling banyak 64 karakter dan tanpa NIK."},
	"erasure.propose":  {"Propose the erasure", "Usulkan penghapusan"},
	"erasure.proposed": {"The erasure is proposed: another admin has to approve it.", "Penghapusan diusulkan: admin lain harus menyetujuinya."},
	"erasure.describe": {"Erase all that is stored of a person, case %s", "Hapus semua yang disimpan tentang seseorang, perkara %s"},
}
